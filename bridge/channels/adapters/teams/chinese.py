# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a channel of Teams says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.channels.chinese import with_answer

CHINESE: Final[Mapping[str, str]] = {
    **with_answer(
        {
            "the workflow is turned off or deleted: turn it on, or copy the URL of another one": (
                "工作流已关闭或删除：请打开它，或者复制另一个的 URL"
            ),
            "the workflow does not accept the key in the URL: copy the workflow's URL again": (
                "工作流不接受 URL 里的密钥：请重新复制工作流的 URL"
            ),
            "the workflow asks for a login: let anyone trigger it, and copy the workflow's URL again": (
                "工作流要求登录：请设为任何人都能触发，然后重新复制工作流的 URL"
            ),
            "the URL is not whole: copy the workflow's URL again": "URL 不完整：请重新复制工作流的 URL",
        }
    ),
    "the workflow answered HTTP {}: {}": "工作流返回 HTTP {}：{}",
    "the workflow answered HTTP {}": "工作流返回 HTTP {}",
    "the workflow accepted it: only its run history shows whether Teams took the card": (
        "工作流已接收：Teams 有没有收下卡片，只有它的运行历史知道"
    ),
    "is no user principal name and no object ID: it looks like {}": (
        "不是用户主体名称（UPN），也不是对象 ID：形如 {}"
    ),
}
