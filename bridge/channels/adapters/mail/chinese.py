# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What the mail channel says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

CHINESE: Final[Mapping[str, str]] = {
    "mails taken by the server: {}": "邮件服务器已接收 {} 封",
    "rejected: {}: {}": "被拒收：{}：{}",
    "{}: the mail server answered {}: {}": "{}：邮件服务器返回 {}：{}",
    "the mail server answered {}: {}": "邮件服务器返回 {}：{}",
    "no session with {}: {}": "和 {} 建立不了会话：{}",
    "port {} of {} begins with TLS: set tls: implicit": "{1} 的 {0} 端口一开始就用 TLS：请设置 tls: implicit",
    "the mail server does not support a setting of the channel: {}": "邮件服务器不支持渠道的某项设置：{}",
    "{}: the connection broke during the transfer of the mail": "{}：传送邮件时连接中断",
    "{}: the answer of the mail server to the mail is unreadable": "{}：邮件服务器对这封邮件的应答无法识别",
    "set tls: starttls, or the port for tls: implicit": "请设置 tls: starttls，或者改用 tls: implicit 的端口",
    "the channel has no recipient {} any more": "渠道里已经没有收件人 {}",
    "the mail server did not finish within {} s": "邮件服务器在 {} 秒内没有处理完",
    "username and password go together": "username 和 password 要一起写",
    "tls: none would send the password in clear: use starttls or implicit": (
        "tls: none 会明文发送密码：请用 starttls 或 implicit"
    ),
    "write one mail address, such as ci@example.com or CI <ci@example.com>": (
        "请写一个邮箱地址，例如 ci@example.com 或 CI <ci@example.com>"
    ),
    "a mail address needs a name and a domain, in ASCII": "邮箱地址要有用户名和域名，只能用 ASCII 字符",
}
