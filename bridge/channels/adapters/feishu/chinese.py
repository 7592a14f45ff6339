# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a Feishu robot says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.channels.chinese import with_answer

CHINESE: Final[Mapping[str, str]] = {
    **with_answer(
        {
            "the robot asks for a signature: set `secret` to the key of its security setting": (
                "机器人要求签名校验：请把 `secret` 设为它安全设置里的密钥"
            ),
            "there is no such robot: copy the robot's address again": (
                "没有这个机器人：请重新复制机器人的 Webhook 地址"
            ),
            "the signature does not match: check `secret`, and this machine's clock": (
                "签名不匹配：请检查 `secret` 和这台机器的时钟"
            ),
            "the robot does not accept our address: add it to the robot's IP whitelist": (
                "机器人不接受我们的 IP：请把它加进机器人的 IP 白名单"
            ),
            "the robot asks for a keyword: set `keyword` to one of its keywords": (
                "机器人要求关键词：请把 `keyword` 设为它的一个关键词"
            ),
        }
    ),
    "Feishu answered {}: {}": "飞书返回 {}：{}",
    "is no open_id of a person: it looks like ou_7d8a6e6df7621556": (
        "不是成员的 open_id，形如 ou_7d8a6e6df7621556"
    ),
}
