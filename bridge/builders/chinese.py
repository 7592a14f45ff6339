# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What builders on a server say of a build, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    "failed in the step {}": "步骤 {} 失败",
    "failed in the job {}": "作业 {} 失败",
    "failed in the job {}, in the step {}": "作业 {} 的步骤 {} 失败",
    "failed in the job {} of the stage {}": "阶段 {1} 的作业 {0} 失败",
    "failed in the job {} of the stage {}: {}": "阶段 {1} 的作业 {0} 失败：{2}",
    "{} times in {} s": "在 {1} 秒内 {0} 次",
    "the parameters are too long for a request to {}": "参数太长，{} 的请求放不下",
    "{} answered with more than {} MiB": "{} 的应答超过 {} MiB",
    "{} answered with something that is not its API's JSON": "{} 的应答不是它的 API 应有的 JSON",
    "{} answered {}, and not what its API says": "{} 返回 {}，不是它的 API 应有的内容",
    "{} answered {}": "{} 返回 {}",
    "{} points to another address ({}): correct `{}`": "{} 指向另一个地址（{}）：请改正 `{}`",
    "`{}` shows a web page, not the API of {}: check `{}`": "`{}` 是网页，不是 {} 的 API：请检查 `{}`",
    "no connection to {} ({})": "连不上 {}（{}）",
    "{} rejects the token ({}): check it": "{} 不接受这个令牌（{}）：请检查",
    "the token may not do this in {} ({}): check its rights": "令牌在 {} 没有这项权限（{}）：请检查权限",
    "{} has no such thing, or does not show it to this token ({})": (
        "{} 没有这个对象，或者不让这个令牌看到（{}）"
    ),
    "the proxy asks who we are ({}): have it let this machine through without a password": (
        "代理要求登录（{}）：请让这台机器免密通过"
    ),
    "{}, or a proxy before it, asks for fewer requests ({})": "{} 或它前面的代理要求减少请求（{}）",
    "a proxy did not get an answer from {} ({})": "代理没有得到 {} 的应答（{}）",
    "a proxy did not get an answer from {} in time ({})": "代理没有及时得到 {} 的应答（{}）",
    "{} is starting or not available ({})": "{} 正在启动或不可用（{}）",
    "the proxy rejected the request: check `proxy`": "代理拒绝了请求：请检查 `proxy`",
    "the host name of {} cannot be resolved: check `{}` and DNS": "{} 的主机名无法解析：请检查 `{}` 和 DNS",
    "{} refuses connections: check that it runs, and `{}`": "{} 拒绝连接：请确认它在运行，并检查 `{}`",
    "{} did not take the connection in time": "{} 没有及时接受连接",
    "{} did not answer within {} s": "{} 在 {} 秒内没有应答",
    "{} broke off, with no whole answer": "{} 的应答中途断开",
    # tests
    "{} answers without TLS at this port: write http:// in `url`, or its port for https": (
        "{} 的这个端口不用 TLS：请在 `url` 里写 http://，或写 https 的端口"
    ),
    "this port of {} speaks TLS: write https:// in `url`": "{} 的这个端口用 TLS：请在 `url` 里写 https://",
    "a sign-in page at {} answers in place of {} ({}): let requests with a token pass it, or have "
    "`url` lead around it": "应答的是 {} 上的登录页，不是 {}（{}）：请让带令牌的请求通过，或让 `url` 绕开它",
    "a sign-in page answers in place of {} ({}): let requests with a token pass it, or have `url` lead "
    "around it": "应答的是登录页，不是 {}（{}）：请让带令牌的请求通过，或让 `url` 绕开它",
    "the certificate of {} comes from an authority that is not trusted here: set ca_file to a PEM file "
    "with that authority's certificate, or have the server send the intermediate ones": (
        "{} 的证书由本机不信任的机构签发：请把 ca_file 设为含有该机构证书的 PEM 文件，或让服务端发送中间证书"
    ),
}
