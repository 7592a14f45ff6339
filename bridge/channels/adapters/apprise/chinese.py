# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a channel by Apprise says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    "delivery not confirmed: the service took the request, and Apprise knows no more": (
        "未确认送达：服务接收了请求，此外 Apprise 不知道更多"
    ),
    "the service does not say that it took the notice": "服务没有说明是否收下了通知",
    "the service sent nothing ({}): compare the url with its page": (
        "什么也没有发出（{}）：请对照服务的说明检查 url"
    ),
    "the service sent nothing: compare the url with its page": "什么也没有发出：请对照服务的说明检查 url",
    "the service answered HTTP {}: check the url against its settings": (
        "服务返回 HTTP {}：请对照它的设置检查 url"
    ),
    "the service answered HTTP {} to the notice": "服务对这条通知返回 HTTP {}",
    "the service would be called without TLS: take its scheme with an s at the end, such as jsons, or set "
    "allow_private: true": (
        "这样会不加密地访问服务：请用末尾带 s 的写法，例如 jsons，或者设置 allow_private: true"
    ),
    "the service would be called at an address that is no URL: check the url": (
        "要访问的地址不是 URL：请检查 url"
    ),
    "no whole answer from the service: {}": "服务没有完整应答：{}",
    "the answer is too long, or too slow": "应答太长或太慢",
    "the time of this attempt is over": "这次发送的时间已到",
    "outside of an attempt nothing is sent": "不在发送过程中，不会发出任何内容",
    "the proxy does not lead to the service": "代理连不到服务",
    "cannot connect to the service: {}": "连不上服务：{}",
    "cannot connect to the service": "连不上服务",
    "the service": "服务",
    "{} services are slow to answer: it waits for one of them": "有 {} 个服务应答很慢：要等其中一个结束",
    "the attempt before has not ended yet": "上一次发送还没有结束",
    "no end within {} s": "{} 秒内没有结束",
    "Apprise {} knows no service {}: look into its list": "Apprise {} 没有 {} 这种服务：请查看它的列表",
    "Apprise does not accept the url: compare it with the page of the service": (
        "Apprise 不接受这个 url：请对照服务的说明检查"
    ),
    "{} does not send by HTTP alone: only such services can be used": (
        "{} 不是只用 HTTP 发送：只能用 HTTP 的服务"
    ),
    "the library apprise is not installed: pip install 'buildbridge[apprise]'": (
        "没有安装 apprise 库：pip install 'buildbridge[apprise]'"
    ),
    "the URL has to be one of Apprise, such as gotify://host/TOKEN": (
        "URL 要用 Apprise 的写法，例如 gotify://host/TOKEN"
    ),
    "the URL has white space in it: write %20 in its place, and one URL only": (
        "URL 里有空白字符：请改写成 %20，并且只写一个 URL"
    ),
    "a second URL stands in it: make a channel for each, and write %3A// in a value": (
        "里面还有一个 URL：请每个 URL 各建一个渠道，参数值里的写成 %3A//"
    ),
    "{} is no service: take its URL of Apprise, such as gotify://host/TOKEN": (
        "{} 不是服务：请用它在 Apprise 里的 URL，例如 gotify://host/TOKEN"
    ),
    "there is a kind for {}, which reads the answers: use kind: {}": (
        "{} 有专门的类型，能看懂应答：请用 kind: {}"
    ),
}
