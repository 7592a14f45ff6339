"""Discord's part of the contract suite."""

from typing import Any, Final

from channels.discord.server import LIMITS, MAX_TEXT, TOKEN, WEBHOOK, discord_server, shown, units
from support.channel_contract import Answer, Markup
from support.fake_robots import FakeRobot, answer
from support.notices import AUTHOR
from support.robot_contract import HTTP_ANSWERS, OWN, POWER, TIMEOUTS, HookContract, scripted, write

from bridge.channels.adapters.discord.channel import Discord
from bridge.runtime.rate import Rate

PATH: Final = f"/api/webhooks/{WEBHOOK}/{TOKEN}"


def _settings(hook: FakeRobot) -> dict[str, Any]:
    return {"url": hook.url, "allow_private": True}


def size(_body: bytes, text: str) -> int:
    return units(text)


CONTRACT: Final = HookContract(
    serve=lambda _folder, clock: discord_server(clock),
    settings=_settings,
    taken=lambda hook: list(map(shown, hook.messages)),
    answers={
        **HTTP_ANSWERS,
        Answer.CREDENTIALS: lambda hook: {"url": f"{hook.url}0"},
        Answer.CONTENT: scripted(
            lambda: answer(400, b'{"code":50006,"message":"Cannot send an empty message"}')
        ),
    },
    asked=lambda hook: not hook.scripted,
    secrets=(TOKEN,),
    timeouts=TIMEOUTS,
    gives=lambda _peer: {"contacts": {AUTHOR: "80351110224678912"}},
    markup=Markup(
        write=write(Discord, {"url": f"https://discord.com{PATH}"}, size, shown),
        limit=MAX_TEXT,
        own=OWN,
        power=POWER,
        mention="\n<@zhangsan>",
    ),
    adapter=Discord,
    path=PATH,
    limit=MAX_TEXT,
    size=size,
    text_of=shown,
    allows=tuple(Rate(*limit) for limit in LIMITS),
)
