# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""The Chinese forms of sentences about who calls: tokens, signatures, browsers and proxies."""

from collections.abc import Mapping
from typing import Final

CALLERS: Final[Mapping[str, str]] = {
    # Who calls.
    "this needs a token: send the header `Authorization: Bearer <token>`": (
        "此操作需要令牌：请发送请求头 `Authorization: Bearer <token>`"
    ),
    "this needs a token: send the header `X-Auth-Token: <token>`, or sign the request": (
        "此操作需要令牌：请发送请求头 `X-Auth-Token: <token>`，或者对请求签名"
    ),
    "the token has another name than the user who signs in": "令牌的名称与登录的用户不一致",
    "the token is not one of api.tokens, nor one of `buildbridge token add` that a key of api.keys has "
    "signed: ask an admin for one that is": (
        "令牌既不在 api.tokens 中，也不是由 `buildbridge token add` 生成并由 api.keys 中的密钥签名的："
        "请向管理员申请有效的令牌"
    ),
    "the access key is not known here, or the key of api.keys that it was made with is gone: "
    "ask an admin for another": (
        "没有这个访问密钥（AK），或者生成它的 api.keys 密钥已被移除：请向管理员申请新的访问密钥"
    ),
    "the token is not in this store: it was made for another one, ask for a new one": (
        "存储中没有该令牌：它是为其他实例生成的，请申请新的令牌"
    ),
    "the token {}: ask an admin for another": "令牌{0}：请向管理员申请新的令牌",
    "was revoked at {}": "已于 {0} 被吊销",
    "has expired at {}": "已于 {0} 过期",
    "{}; and too many wrong tokens came from this address": "{0}；并且来自该地址的错误令牌过多",
    "this takes the role {}, and yours is {}: ask an admin for a token with it": (
        "此操作需要{0:role}角色，而您的角色是{1:role}：请向管理员申请具有该角色的令牌"
    ),
    "this takes the role {} in {}, and yours is {}: ask an admin for a token with it": (
        "此操作需要在 {1} 中有{0:role}角色，而您的角色是{2:role}：请向管理员申请具有该角色的令牌"
    ),
    "{} in some namespaces": "部分命名空间中的{0:role}",
    "{} in other namespaces": "其他命名空间中的{0:role}",
    # Signatures.
    "the header {} is there {} times, not once: sign what is sent": (
        "请求头 {0} 出现了 {1} 次，而不是一次：请对实际发送的内容签名"
    ),
    "the header Authorization is not `{} Access=…, SignedHeaders=…, Signature=…`": (
        "请求头 Authorization 的格式不是 `{0} Access=…, SignedHeaders=…, Signature=…`"
    ),
    "X-Sdk-Date is not a signed header: sign it, as the SDK does": (
        "X-Sdk-Date 没有被签名：请像 SDK 那样对它签名"
    ),
    "X-Sdk-Date is not a time such as 20250101T000000Z": "X-Sdk-Date 不是形如 20250101T000000Z 的时间",
    "X-Sdk-Date is more than {} minutes off: set the clock of the client, and sign anew": (
        "X-Sdk-Date 的偏差超过 {0} 分钟：请校准客户端的时钟，然后重新签名"
    ),
    "X-Sdk-Content-Sha256 is not the digest of the body: leave it out; only a multipart body, with its "
    "Content-Type signed, may have {}": (
        "X-Sdk-Content-Sha256 不是请求体的摘要：请去掉它；"
        "只有 multipart 请求体（并且其 Content-Type 已签名）可以使用 {0}"
    ),
    "the signature does not fit the request: check access key and secret key, and that no proxy changes the "
    "path, the query, the body or a signed header": (
        "签名与请求不符：请检查访问密钥（AK）和私有密钥（SK），并确认没有代理修改路径、查询参数、请求体或已签名的请求头"
    ),
    # Tokens and sessions.
    "no token has this id: see /v1/tokens": "没有这个 id 的令牌：见 /v1/tokens",
    "the token was revoked before: there is nothing to revoke": "令牌之前已被吊销，无需再吊销",
    "no session has this id that your token may see: see /v1/sessions": (
        "没有这个 id 的会话，或者您的令牌不能查看它：见 /v1/sessions"
    ),
    "has 1 to {} letters that can be printed": "应为 1 至 {0} 个可显示的字符",
    "are at most {} names, none of them empty": "最多 {0} 个名称，都不能为空",
    "{} is no namespace: one has letters and digits, '.', '_' and '-' only": (
        "{0} 不能是命名空间：命名空间只含字母、数字、点、下划线和连字符"
    ),
    "an admin may do everything everywhere: leave them out": "管理员在所有命名空间都有全部权限：请不要填写",
    "is up to {}d: leave it out for a token that never expires": (
        "最长 {0}d：如需永不过期的令牌，请不要填写"
    ),
    # Browsers and proxies.
    "this request comes from another site, or from a browser that does not say from where: do it on the page "
    "itself, at the address of server.public_url; programs send a token and no cookie": (
        "该请求来自其他网站，或者浏览器没有说明来源：请在 server.public_url 这个地址的页面上操作；"
        "程序应发送令牌，不要发送 Cookie"
    ),
    "comes twice: have the proxy delete what clients send": "出现了两次：请让代理删除客户端发来的这个请求头",
    "is no name of a user: it has up to {} letters, in one line": (
        "不是用户名：用户名应为 UTF-8，在一行之内，最多 {0} 个字符"
    ),
    "{} is the name of no user: it stands for what needs no sign-in": (
        "{0} 不是用户的名称：它代表不需要登录的调用方"
    ),
}
