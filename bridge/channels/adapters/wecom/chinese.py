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
    'is no mobile number: write its digits, such as "13800000000"': (
        '不是手机号：写数字，例如 "13800000000"'
    ),
    "is no user id: copy the 账号 of one member from the address book": (
        "不是用户 ID：从通讯录复制一个成员的账号"
    ),
}
