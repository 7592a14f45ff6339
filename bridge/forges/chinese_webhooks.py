# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What is said of the webhooks at Git hosts, in Chinese: `{}` stands for what it is about."""

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    # what differs
    "address": "地址",
    "events": "事件",
    "active": "启用状态",
    "content type": "内容类型",
    "TLS verification": "TLS 证书校验",
    "secret": "密钥",
    # why something cannot be done
    "{} answered {}": "{} 返回 {}",
    "{} answered {}: {}": "{} 返回 {}：{}",
    "{} answered {}: webhook {}": "{} 返回 {}：Webhook {}",
    "{} answered {}, and not what its API says": "{} 返回 {}，内容不符合它的 API",
    "{} does not accept the token, which is wrong, expired or revoked: check `{}`": (
        "{} 不接受令牌：写错、过期或已被撤销，请检查 `{}`"
    ),
    "there is no such repository, or the token may not manage its webhooks: it needs {}": (
        "没有这个仓库，或者令牌无权管理它的 Webhook：需要{}"
    ),
    "the permission Webhooks (read and write), or the scope admin:repo_hook, of an administrator": (
        " Webhooks 权限（读写）或 admin:repo_hook 权限，并且用户是仓库管理员"
    ),
    "the scope api, and the role Maintainer": " api 权限和 Maintainer 角色",
    "the scope hook, of an administrator of the repository": " hook 权限，并且用户是仓库管理员",
    "the permission repository (read and write), of an administrator of the repository": (
        " repository 权限（读写），并且用户是仓库管理员"
    ),
    "a token of an administrator of the repository": "仓库管理员的令牌",
    "the scope webhook, or read:webhook and write:webhook, of an administrator": (
        " webhook 权限，或者 read:webhook 和 write:webhook 权限，并且用户是仓库管理员"
    ),
    "the repository has another name now, or `{}` leads elsewhere": (
        "仓库改了名字，或者 `{}` 不是 API 的地址"
    ),
    "{} does not take the request": "{} 不接受这个请求",
    "the answer is {}: it does not come from {}, check `{}`": "应答是{}，不是 {} 发出的，请检查 `{}`",
    "a web page": "网页",
    "{} asks for fewer requests: run this again in {}": "{} 要求减少请求：请在{}之后再运行一次",
    "a while": "一段时间",
    "{} s": " {} 秒",
    "no whole answer from {}: {}: it may have been carried out, run this again to see": (
        "{} 没有完整应答：{}：可能已经完成，再运行一次就知道"
    ),
    "the list of webhooks has more than {} pages": "Webhook 列表超过 {} 页",
    "{} webhooks lead to {} ({}): delete all but one at the host": (
        "有 {} 个 Webhook 指向 {}（{}）：请在平台上删到只剩一个"
    ),
    "{} webhooks lead to {} ({}): people have set them differently, so delete all but one at the host": (
        "有 {} 个 Webhook 指向 {}（{}）：它们的设置不同，请在平台上删到只剩一个"
    ),
    "{} webhooks lead to {} ({}): `{}` makes a new one in their place": (
        "有 {} 个 Webhook 指向 {}（{}）：`{}` 会新建一个来代替它们"
    ),
    "everyone on the way to a public address can read the token and the secret: write https:// in `{}`": (
        "通往公网地址的路上，谁都能读到令牌和密钥：请在 `{}` 里写 https://"
    ),
    "there is no webhook with the address {}": "没有地址为 {} 的 Webhook",
    "webhook {} is made, and webhook {} may still be there: delete it at the host": (
        "已创建 Webhook {}，但 Webhook {} 可能还在：请在平台上删除它"
    ),
    "the first secret is a signing token, which only GitLab makes: put a plain one before it, or make the "
    "webhook by hand": (
        "第一个密钥是签名令牌，只能由 GitLab 生成：请在它前面写一个普通密钥，或者手动创建 Webhook"
    ),
    "GitLab has switched the webhook off after failures ({}): Test on its page switches it on": (
        "GitLab 因多次失败停用了这个 Webhook（{}）：在它的页面上点 Test 可以重新启用"
    ),
    # how a webhook is
    "there is no webhook with this address: `buildbridge connect {}` makes it": (
        "没有指向这个地址的 Webhook：`buildbridge connect {}` 可以创建"
    ),
    "the webhook is not as it has to be: `buildbridge connect {}` repairs it": (
        "Webhook 的设置不对：`buildbridge connect {}` 可以修复"
    ),
    "the last delivery was answered with {}": "上次推送的应答是 {}",
    "the last delivery was answered with {}: {}": "上次推送的应答是 {}：{}",
    "nothing": "空",
}
