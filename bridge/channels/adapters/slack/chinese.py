# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a Slack channel says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.channels.chinese import with_answer

CHINESE: Final[Mapping[str, str]] = {
    **with_answer(
        {
            "there is no such webhook: copy the webhook URL again, or make a new one": (
                "没有这个 Webhook：请重新复制 Webhook URL，或者新建一个"
            ),
            "the webhook was switched off: copy the webhook URL again, or make a new one": (
                "Webhook 已停用：请重新复制 Webhook URL，或者新建一个"
            ),
            "there is no such workspace: copy the webhook URL again, or make a new one": (
                "没有这个工作区：请重新复制 Webhook URL，或者新建一个"
            ),
            "the workspace is switched off: copy the webhook URL again, or make a new one": (
                "工作区已停用：请重新复制 Webhook URL，或者新建一个"
            ),
            "the URL is not valid: copy the webhook URL again, or make a new one": (
                "URL 无效：请重新复制 Webhook URL，或者新建一个"
            ),
            "the channel of the webhook was deleted: copy the webhook URL again, or make a new one": (
                "Webhook 的频道已删除：请重新复制 Webhook URL，或者新建一个"
            ),
            "the channel of the webhook is archived: unarchive it, or choose another one": (
                "Webhook 的频道已归档：请取消归档，或者换一个"
            ),
            "an administrator does not allow this webhook to post there": (
                "管理员不允许这个 Webhook 在那里发消息"
            ),
            "an administrator does not allow posts to #general": "管理员不允许在 #general 发消息",
        }
    ),
    "Slack answered {}": "Slack 返回 {}",
    "is no member ID, such as U012AB3CD: copy it from the profile": (
        "不是成员 ID（形如 U012AB3CD）：从个人资料里复制"
    ),
}
