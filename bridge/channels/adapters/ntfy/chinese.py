# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What an ntfy channel says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.channels.chinese import with_answer

CHINESE: Final[Mapping[str, str]] = {
    **with_answer(
        {
            "the server asks for a login: set `token` to an access token": (
                "服务器要求登录：请把 `token` 设为访问令牌"
            ),
            "the topic is not valid: choose another one": "主题无效：请换一个",
            "the server does not allow this topic: choose another one": "服务器不允许这个主题：请换一个",
            "the server does not know `token`: make another one": "服务器不认识 `token`：请新建一个",
            "no right to write to the topic: allow it on the server (ntfy access)": (
                "没有写入这个主题的权限：请在服务器上允许（ntfy access）"
            ),
        }
    ),
    "ntfy answered {}: {}": "ntfy 返回 {}：{}",
    "subscribe to the topic first, or choose one that does not begin with up ({})": (
        "请先订阅这个主题，或者换一个不以 up 开头的（{}）"
    ),
    "the URL has to end with one topic of letters, digits, - and _, as https://ntfy.sh/TOPIC does": (
        "URL 要以一个主题结尾，主题由字母、数字、- 和 _ 组成，例如 https://ntfy.sh/TOPIC"
    ),
}
