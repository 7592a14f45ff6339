# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What `check` warns of that no file shows by itself, in Chinese: `{}` stands for what it is about."""

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    # what init has left to be changed
    "the secret {} is the one that `init` invented": "密钥 {} 还是 `init` 编造的",
    "put the real one in its place": "请换成真实的",
    "is invented": "是编造的值",
    "put your own in its place, or take the mark CHANGE away if it is right": (
        "请换成自己的；如果就是对的，请去掉 CHANGE 标记"
    ),
    "{} Then take the mark CHANGE away": "{}改好后请去掉 CHANGE 标记",
    "The names of the repository are invented: write those of your own.": (
        "仓库的名字是编造的：请写自己仓库的名字。"
    ),
    "The address code_repo_clone_url is invented: write the setting bridge.cloneUrl of the hook.": (
        "code_repo_clone_url 的地址是编造的：请写钩子里 bridge.cloneUrl 的值。"
    ),
    # the store
    "what triggers and tests have seen of jobs is not known now: {}": (
        "触发和测试时看到的任务情况现在查不到：{}"
    ),
    "what was made by API is not known now, and left out: {}": (
        "通过 API 创建的内容现在查不到，没有算在内：{}"
    ),
    "{} are free on the disk of {}, and no build starts below {} (`store.min_free`)": (
        "{1} 所在的磁盘只剩 {0}，少于 {2} 就不再启动构建（`store.min_free`）"
    ),
    "make room, or set `folder` of a builder to another disk": (
        "请腾出空间，或者把构建器的 `folder` 设到别的磁盘"
    ),
    # channels
    "channel {} is the robot of {}, too": "渠道 {} 和 {} 是同一个机器人",
    "both use up its one limit": "两者共用一个发送上限",
    "keep one of them, or create a robot for each": "请只留一个，或者各建一个机器人",
    "channel {} gets no notices": "渠道 {} 收不到通知",
    "no rule and no notices.default names it": "规则和 notices.default 里都没有写它",
    # secrets
    "the secret is here in plain text": "密钥以明文写在这里",
    "the secret is this text, since no $NAME is replaced": "密钥就是这段文本，因为不会替换 $NAME",
}
