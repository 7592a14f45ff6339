# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What is wrong with what a list is asked for, in Chinese: a part of `bridge.web.api.chinese`."""

from collections.abc import Mapping
from typing import Final

LISTS: Final[Mapping[str, str]] = {
    "{} is not the number of a page: pages count from 1": "{0} 不是页码：页码从 1 开始",
    "{} is over {}: follow the `next` links beyond": "{0} 超过 {1}：之后的页请使用 `next` 链接",
    "{} is not a usable number: write digits, such as 1700000000": (
        "{0} 不是可用的数字：请写数字，例如 1700000000"
    ),
    "is not the id of a row: use the links of a page": "不是记录的 id：请使用页面中的链接",
    "{} is the number of a build: give namespace and repo_name": (
        "{0} 是构建的编号：请同时给出 namespace 和 repo_name"
    ),
    "one name may be in many namespaces: give namespace, too": (
        "同一名称可能存在于多个命名空间：请同时给出 namespace"
    ),
    (
        "deliveries of one source are listed only for all namespaces at once: leave out namespace and "
        "repo_name, and use a token for all namespaces; state may be given, too"
    ): (
        "按 source 只能列出所有命名空间的接收记录：请去掉 namespace 和 repo_name，"
        "并使用可以读取所有命名空间的令牌；state 可以同时给出"
    ),
    (
        "deliveries of one repo, ref or sha are listed only for all namespaces at once: leave out namespace "
        "and repo_name, and use a token for all namespaces, or list builds by namespace and repo_name"
    ): (
        "按 repo、ref 或 sha 只能列出所有命名空间的接收记录：请去掉 namespace 和 repo_name，"
        "并使用可以读取所有命名空间的令牌，或者用 namespace 和 repo_name 列出构建"
    ),
    "deliveries of one source are not listed by repo, ref or sha: leave out source": (
        "指定 repo、ref 或 sha 时不能再按 source 筛选：请去掉 source"
    ),
    "{} is no commit: give at least the first 7 hexadecimal digits of its id": (
        "{0} 不是提交 id：请至少给出前 7 位十六进制数字"
    ),
    "{} is no time: write it as 2026-11-21T08:00:00Z": "{0} 不是时间：请写成 2026-11-21T08:00:00Z 的形式",
    "a list until a time has its other pages behind `next`: leave out page": (
        "带 until 的列表请用 `next` 链接翻页：请去掉 page"
    ),
}
