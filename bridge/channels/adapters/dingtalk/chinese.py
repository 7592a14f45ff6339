# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a DingTalk robot says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.channels.chinese import with_answer

CHINESE: Final[Mapping[str, str]] = {
    **with_answer(
        {
            "the token does not exist: copy the robot's address again": (
                "access_token 不存在：请重新复制机器人的 Webhook 地址"
            ),
            "the group was dissolved": "群已解散",
            "the robot was stopped in the group's settings": "机器人已在群设置里停用",
            "the robot was removed from the group": "机器人已从群里移除",
            "the robot asks for a keyword: set `keyword` to one of its keywords": (
                "机器人要求关键词：请把 `keyword` 设为它的一个关键词"
            ),
            "the robot does not accept our time: set this machine's clock": (
                "机器人不接受我们的时间：请校准这台机器的时钟"
            ),
            "the signature does not match: check `secret` against the robot's settings": (
                "签名不匹配：请对照机器人的设置检查 `secret`"
            ),
            "the robot does not accept our address: add it to the robot's IP ranges": (
                "机器人不接受我们的 IP：请把它加进机器人的 IP 地址段"
            ),
            "the robot asks for a signature: set `secret` to the text of its security setting": (
                "机器人要求加签：请把 `secret` 设为它安全设置里的密钥"
            ),
            "a security setting of the robot rejects us": "被机器人的安全设置拒绝",
        }
    ),
    "DingTalk answered {}: {}": "钉钉返回 {}：{}",
    'is no mobile number: write its digits, such as "13800000000"': (
        '不是手机号：写数字，例如 "13800000000"'
    ),
}
