# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What an Alauda builder says of a build, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.builders.chinese import CHINESE as OF_SERVERS

CHINESE: Final[Mapping[str, str]] = {
    **OF_SERVERS,
    "deleted at Alauda, which no longer shows how it ended": "在 Alauda 上被删除，已看不到结果",
    "deleted, as it was asked to end": "按要求结束，已删除",
    "gone from Alauda: it showed the repository {} {}, and not this build": (
        "在 Alauda 上找不到了：{1}看到仓库 {0}，都没有这个构建"
    ),
    "Alauda does not take the order (400): check `tag` and the tags of the repository {}": (
        "Alauda 不接受（400）：请检查 `tag` 和仓库 {} 的标签"
    ),
    "Alauda shows no repository {} to this token (404): check `repository` and its rights": (
        "令牌在 Alauda 上看不到仓库 {}（404）：请检查 `repository` 和权限"
    ),
    "Alauda does not build {} now (409)": "Alauda 暂时不构建 {}（409）",
    "Alauda does not take the order (422): check `tag` and the tags of the repository {}": (
        "Alauda 不接受（422）：请检查 `tag` 和仓库 {} 的标签"
    ),
}
