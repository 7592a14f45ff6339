"""Telegram's part of the contract suite."""

from typing import Any, Final

from channels.telegram.bot_server import CHAT, MAX_UNITS, TOKEN, bot_server, refuses, units
from support.channel_contract import Answer, Markup
from support.fake_robots import FakeRobot
from support.notices import AUTHOR
from support.robot_contract import HTTP_ANSWERS, TIMEOUTS, HookContract, scripted, write

from bridge.channels.adapters.telegram.channel import Telegram
from bridge.runtime.rate import Rate

PATH: Final = f"/bot{TOKEN}/sendMessage"


def settings(bot: FakeRobot) -> dict[str, Any]:
    api = bot.url.partition("/bot")[0]
    return {"api": api, "token": TOKEN, "chat": CHAT, "allow_private": True}


def size(_body: bytes, text: str) -> int:
    return units(text)


def shown(message: Any) -> str:
    return str(message["text"])


CONTRACT: Final = HookContract(
    serve=lambda _folder, clock: bot_server(clock),
    settings=settings,
    taken=lambda bot: list(map(shown, bot.messages)),
    answers={
        **HTTP_ANSWERS,
        Answer.UNREACHABLE: lambda _bot: {"api": "http://127.0.0.1:1"},
        Answer.CREDENTIALS: lambda _bot: {"token": f"{TOKEN}0"},
        Answer.CONTENT: scripted(lambda: refuses(400, "Bad Request: can't parse entities")),
        Answer.RATE_SECONDS: scripted(lambda: refuses(429, "Too Many Requests", retry_after=77)),
    },
    asked=lambda bot: not bot.scripted,
    secrets=(TOKEN, TOKEN.partition(":")[2]),
    timeouts=TIMEOUTS,
    gives=lambda _peer: {"contacts": {AUTHOR: "zhangsan"}},
    markup=Markup(
        write=write(Telegram, {"api": "https://api.telegram.org", "token": TOKEN, "chat": CHAT}, size, shown),
        limit=MAX_UNITS,
        own=r'</?b>|(?s:<pre>[^<>]*</pre>)|<a href="https?://[^\s<>"]+">[^<>]*</a>|&amp;',
        power=r"[@<>]|://|&(?=#?\w{1,32};)",
        mention="\n@zhangsan",
    ),
    adapter=Telegram,
    path=PATH,
    limit=MAX_UNITS,
    size=size,
    text_of=shown,
    allows=(Rate(20, 60),),
)
