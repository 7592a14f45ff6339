# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a WeCom robot says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.channels.chinese import with_answer

CHINESE: Final[Mapping[str, str]] = {
    **with_answer(
        {
            "the key is not valid: copy the robot's address again": (
                "key 无效：请重新复制机器人的 Webhook 地址"
            ),
        }
    ),
    "WeCom answered {}: {}": "企业微信返回 {}：{}",
}
