# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a webhook says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    "the receiver answered HTTP {}, it is gone: nothing is sent to it until the channel is changed": (
        "接收方返回 HTTP {}，表示已不存在：修改渠道之前不再发送"
    ),
    "the receiver answered HTTP {}: check `secrets` and `url` against its settings": (
        "接收方返回 HTTP {}：请对照它的设置检查 `secrets` 和 `url`"
    ),
    "the receiver answered HTTP {}": "接收方返回 HTTP {}",
    "each notice goes by itself": "每条通知单独发送",
    'a secret is "whsec_" and 24 to 64 random bytes in base64': (
        "密钥应该是 “whsec_” 加上 24 到 64 个随机字节的 base64"
    ),
}
