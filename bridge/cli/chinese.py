# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What commands say to a person, in Chinese; the English sentence is the key."""

from collections.abc import Mapping
from typing import Final

from bridge.model.language import Language, speaker

SENTENCES: Final[Mapping[str, str]] = {
    # help
    "Guides": "指南",
    "Git hosts": "代码平台",
    "Builders": "构建器",
    "Channels": "通知渠道",
    "Print one with `buildbridge help TOPIC`; `--language zh-CN` prints Chinese.": (
        "用 `buildbridge help 主题` 查看；加上 `--language en` 显示英文。"
    ),
    # init
    "Which Git host will call": "代码平台",
    "Which repository is built": "要构建的仓库",
    "How will the host reach the bridge": "代码平台从哪个地址访问 Buildbridge",
    "Who builds": "构建器",
    "Whom to tell": "通知渠道",
    "Written to {folder}, from which all paths here count:": "已写入 {folder}，以下路径都以它为起点：",
    "Put the real values into {files}.": "请把真实的值存到 {files}。",
    " and ": " 和 ",
    "Look for CHANGE in bridge.yaml and rules/: what is marked is invented.": (
        "请在 bridge.yaml 和 rules/ 里查找 CHANGE：标出的值都是虚构的。"
    ),
    "Without a reverse proxy before it, set server.host and server.port: they are 127.0.0.1, "
    "this machine only, and 8088.": (
        "前面没有反向代理时，请设置 server.host 和 server.port：现在是 127.0.0.1（只有本机能访问）和 8088。"
    ),
    "Then:": "接下来：",
    "The commonest mistakes: buildbridge help {topic}": "常见错误：buildbridge help {topic}",
}


def say(language: Language, sentence: str, **values: object) -> str:
    """The sentence in this language, with the values in it."""
    return speaker(language, SENTENCES)(sentence, **values)
