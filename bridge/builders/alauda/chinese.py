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
    # tests
    "Alauda shows no repository {} to this token (404): check `url`, `repository` and the token's "
    "rights": "令牌在 Alauda 上看不到仓库 {}（404）：请检查 `url`、`repository` 和令牌的权限",
    "Alauda does not list the builds of the repository (404): check `url`": (
        "Alauda 没有列出仓库的构建（404）：请检查 `url`"
    ),
    "the repository {} is there, and builds {}": "仓库 {} 存在，构建标签 {}",
    "no tag": "（没有标签）",
    "`tag: {}` is none of them, so Alauda will reject builds": "`tag: {}` 不在其中，Alauda 会拒绝构建",
    "an order that is not answered cannot be looked for there, and is left to you": (
        "没有应答的触发在那里无法查找，需要您来判断"
    ),
    # advice
    "Alauda takes no parameters": "Alauda 不支持参数",
    "builds do not get {}": "构建收不到 {}",
    "remove them": "请删掉",
}
