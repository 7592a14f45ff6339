# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""What a Telegram bot says of notices, in Chinese; `{}` stands for any words."""

from collections.abc import Mapping
from typing import Final

from bridge.channels.chinese import with_answer

CHINESE: Final[Mapping[str, str]] = {
    **with_answer(
        {
            "the bot knows no such chat: check `chat`, and that the bot was added to it": (
                "机器人找不到这个会话：请检查 `chat`，以及有没有把机器人加进去"
            ),
            "the group has no such topic: check `thread`": "群里没有这个话题：请检查 `thread`",
            "the topic is closed: open it again, or name another one in `thread`": (
                "话题已关闭：请重新打开，或者在 `thread` 里换一个"
            ),
            "the topic was deleted: name another one in `thread`": "话题已删除：请在 `thread` 里换一个",
            "the bot may not post there: allow it in the permissions of the group": (
                "机器人没有权限在那里发消息：请在群权限里允许"
            ),
            "the bot may not post there: make it an administrator of the channel": (
                "机器人没有权限在那里发消息：请把它设为频道管理员"
            ),
            "the bot was removed from the group: add it again": "机器人已被移出群：请重新添加",
            "the bot is not in the group: add it": "机器人不在群里：请添加",
            "the group was deleted: name another one in `chat`": "群已删除：请在 `chat` 里换一个",
            "the person has blocked the bot: they have to start it again": (
                "对方屏蔽了机器人：需要对方重新启动它"
            ),
            "a bot cannot write first: the person has to open it and press Start": (
                "机器人不能先发消息：需要对方打开它并点“Start”"
            ),
            "the account of that person is gone: name another one in `chat`": (
                "对方的账号已注销：请在 `chat` 里换一个"
            ),
            "there is no such bot: copy `token` from @BotFather again": (
                "没有这个机器人：请从 @BotFather 重新复制 `token`"
            ),
            "the bot may not write to the chat": "机器人没有权限在这个会话里发消息",
        }
    ),
    "Telegram answered {}: {}": "Telegram 返回 {}：{}",
    "the group is a supergroup now: set `chat` to {} ({})": "群已升级为超级群：请把 `chat` 设为 {}（{}）",
    'this is not the whole text of a bot, "123456789:AA…": copy it from @BotFather': (
        "机器人的 token 不完整，应该形如 “123456789:AA…”：请从 @BotFather 复制"
    ),
    "is the id of a chat, such as -1001234567890, or the @name of a public one": (
        "应该是会话的 id，例如 -1001234567890，或者公开会话的 @ 名称"
    ),
    "is no username: it has letters, digits and _, such as alice_2": (
        "不是用户名：由字母、数字和 _ 组成，例如 alice_2"
    ),
}
