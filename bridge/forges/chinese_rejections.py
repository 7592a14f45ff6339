# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""Why a request was rejected, in Chinese: notices say it, too."""

from collections.abc import Mapping
from typing import Final

REJECTIONS: Final[Mapping[str, str]] = {
    "the signature is wrong: it was made with another secret or over another body": (
        "签名不对：用了别的密钥，或者内容被改过"
    ),
    "the signature header is missing or empty: set the secret at the Git host": (
        "缺少签名：请在代码平台填写密钥"
    ),
    "the token is missing or empty: set the secret at the Git host": "缺少令牌：请在代码平台填写密钥",
    "the token is wrong": "令牌不对",
    "the header x-gitee-token is missing or empty: set the secret at Gitee": (
        "缺少请求头 x-gitee-token：请在 Gitee 填写密钥"
    ),
    "x-gitee-token is neither the password nor a signature made with it": (
        "x-gitee-token 既不是密码，也不是用它生成的签名"
    ),
    "the header authorization is missing or empty: set user name and password": (
        "缺少请求头 authorization：请填写用户名和密码"
    ),
    "the user name or the password is wrong": "用户名或密码不对",
    "webhook-id or a v1 signature in webhook-signature is missing": (
        "缺少 webhook-id，或者 webhook-signature 里没有 v1 签名"
    ),
    "the time-stamp header is missing or not a number": "缺少时间戳请求头，或者它不是数字",
    "these are the headers of {}, but this source is {}": "请求头来自 {0}，而这个来源的类型是 {1}",
    "there is no such source: the path is /hooks/ and a name under `sources`": (
        "没有这个来源：路径是 /hooks/ 加上 `sources` 里的名称"
    ),
    "deliveries are sent by POST": "推送要用 POST 发送",
    "the client's address is not allowed: add it to the source's `allow` list": (
        "客户端的地址不在允许范围内：请加到该来源的 `allow` 列表"
    ),
    "this source sends more deliveries than its `rate` allows": "这个来源的推送超过了 `rate` 的限制",
    "the body is over {} bytes, the limit of server.max_body": "请求体超过 server.max_body 的上限 {0} 字节",
    "{}; and too many rejected requests from this address": "{0}；并且该地址被拒绝的请求过多",
}
