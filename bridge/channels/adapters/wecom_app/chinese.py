# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What an application of WeCom says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.channels.chinese import with_answer

CHINESE: Final[Mapping[str, str]] = {
    **with_answer(
        {
            "the secret is not valid: copy it from the page of the application again": (
                "Secret 无效：请从应用页面重新复制"
            ),
            "there is no such company: copy `corpid` from 我的企业 again": (
                "没有这个企业：请从“我的企业”重新复制 `corpid`"
            ),
            "the secret is that of another application: copy `agentid` and the secret from one page": (
                "Secret 属于另一个应用：请从同一个页面复制 `agentid` 和 Secret"
            ),
            "`touser`, `toparty` and `totag` name no one who may see the application: check them": (
                "`touser`、`toparty` 和 `totag` 里没有人在应用的可见范围内：请检查"
            ),
            "the application may not send messages: allow it in the administration": (
                "应用没有发送消息的权限：请在管理后台允许"
            ),
            "add the address of this machine to 企业可信 IP on the page of the application": (
                "请在应用页面的“企业可信 IP”里加上这台机器的 IP"
            ),
            "add {} to 企业可信 IP on the page of the application": "请在应用页面的“企业可信 IP”里加上 {}",
        }
    ),
    "WeCom answered {}: {}": "企业微信返回 {}：{}",
    "not sent to {}: unknown to WeCom, or may not see the application": (
        "没有发给 {}：企业微信里没有，或者不在应用的可见范围内"
    ),
    "the answer has no access_token: it does not come from WeCom, check the api": (
        "应答里没有 access_token：不是企业微信的应答，请检查 api"
    ),
    'is the id of the company, "ww…": copy 企业 ID at the end of 我的企业': (
        "应该是企业 ID，形如 “ww…”：请从“我的企业”页面底部复制"
    ),
    'is the user id of one member, or "@all"': ("应该是一个成员的账号，或者 “@all”"),
    "a notice needs a recipient: set touser, toparty or totag": (
        "通知要有接收人：请设置 touser、toparty 或 totag"
    ),
    '"@all" is everyone: leave the others out': ("“@all” 是全体成员：请不要再写其他人"),
}
