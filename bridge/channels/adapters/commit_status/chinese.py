# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a channel of commit statuses says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    "a commit shows how its builds are, and nothing else": "提交上只显示构建状态，不显示别的",
    "the rule does not name the repository, or an earlier release made this notice": (
        "规则里没有写明仓库，或者这条通知是旧版本生成的"
    ),
    "the code is at {}, and this channel reports to {}": "代码在 {} 上，这个渠道是给 {} 的",
    "the commit is not known: the host did not say what its tag points to": (
        "不知道是哪个提交：平台没有说明标签指向什么"
    ),
    "{} keeps the state that it has: {}": "{} 保留原来的状态：{}",
    "{} answered {}: {}": "{} 返回 {}：{}",
    "{} answered {}": "{} 返回 {}",
    "{} does not accept the token, which is wrong, expired or revoked ({})": (
        "{} 不接受令牌：写错、过期或已被撤销（{}）"
    ),
    "there is no such repository, or the token may not report to it: it needs {}": (
        "没有这个仓库，或者令牌没有权限：需要{}"
    ),
    "or the url is not that of the API": "也可能 url 不是 API 的地址",
    "the permission to read the repository": "读取仓库的权限",
    "the permission to write to the repository": "写入仓库的权限",
    "the permission repository (read and write), of a user who may write to it": (
        "repository 权限（读写），并且用户能写入这个仓库"
    ),
    "the scope repo:status, or the permission Commit statuses (read and write)": (
        " repo:status 权限，或者 Commit statuses 权限（读写）"
    ),
    "the scope api, and the role Developer, or that which may push to a protected branch": (
        " api 权限，以及 Developer 角色；受保护分支需要能推送的角色"
    ),
    "the scopes projects and pull_requests, of an administrator of the repository": (
        " projects 和 pull_requests 权限，并且用户是仓库管理员"
    ),
    "{} has this state already": "{} 上已经是这个状态",
    "has letters, digits and . _ / -, at most 60": "由字母、数字和 . _ / - 组成，最多 60 个",
    "{} is at an address of your own: set url to it": "{} 是自建的：请把 url 设为它的地址",
    "{} takes no username: leave it out": "{} 不需要 username：请删掉",
}
