# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a Discord channel says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.channels.chinese import with_answer

CHINESE: Final[Mapping[str, str]] = {
    **with_answer(
        {
            "the channel of the webhook was deleted: copy the webhook URL again, or make a new one": (
                "Webhook 的频道已删除：请重新复制 Webhook URL，或者新建一个"
            ),
            "there is no such webhook: copy the webhook URL again, or make a new one": (
                "没有这个 Webhook：请重新复制 Webhook URL，或者新建一个"
            ),
            "the webhook may not post there: look at the permissions of the channel": (
                "Webhook 没有权限在那里发消息：请检查频道的权限"
            ),
            "the URL is not valid: copy the webhook URL again, or make a new one": (
                "URL 无效：请重新复制 Webhook URL，或者新建一个"
            ),
            "the thread is closed: open it, or take its thread_id out of the url": (
                "子区已关闭：请重新打开，或者从 url 里去掉 thread_id"
            ),
            "the channel is a forum: put the thread_id of one of its posts into the url, or choose a "
            "text channel": ("这是论坛频道：请在 url 里加上一个帖子的 thread_id，或者换成文字频道"),
        }
    ),
    "Discord answered {}: {}": "Discord 返回 {}：{}",
    "is no user ID, which is of digits: copy it in developer mode": (
        "不是用户 ID（由数字组成）：打开开发者模式后复制"
    ),
}
