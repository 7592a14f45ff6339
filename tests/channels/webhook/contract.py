"""The part of the contract suite of WEBHOOK."""

from collections.abc import Mapping
from typing import Any, Final

from channels.webhook.receiver import MAX_BODY, SECRET, TOKEN, webhook_receiver
from support.channel_contract import Answer, Markup
from support.fake_robots import FakeRobot, answer
from support.robot_contract import HTTP_ANSWERS, POWER, TIMEOUTS, HookContract, scripted, write

from bridge.channels.adapters.webhook.channel import Webhook
from bridge.channels.base import Dead, RateLimited

OTHER: Final = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
PATH: Final = f"/hooks/{TOKEN}"


def _settings(receiver: FakeRobot) -> dict[str, Any]:
    return {"url": receiver.url, "secrets": [SECRET], "allow_private": True}


def told(message: Mapping[str, Any]) -> str:
    return f"{message['data']['title']}\n{message['data']['text']}"


def size(body: bytes, _text: str) -> int:
    return len(body)


CONTRACT: Final = HookContract(
    serve=lambda _folder, clock: webhook_receiver(clock),
    settings=_settings,
    taken=lambda receiver: list(map(told, receiver.messages)),
    answers={
        **{key: value for key, value in HTTP_ANSWERS.items() if key is not Answer.UNREADABLE},
        Answer.CREDENTIALS: lambda _receiver: {"secrets": [OTHER]},
        Answer.CONTENT: lambda receiver: receiver.scripted.extend([answer(413, b"")] * 2),
        Answer.TEMPORARY: scripted(lambda: answer(404, b"")),
    },
    absent={Answer.UNREADABLE: "any 2xx is success, whatever the body"},
    asked=lambda receiver: not receiver.scripted,
    secrets=(TOKEN, SECRET, OTHER, SECRET.removeprefix("whsec_")),
    timeouts=TIMEOUTS,
    markup=Markup(
        write=write(Webhook, {"url": f"https://receiver.example.com{PATH}", "secrets": [SECRET]}, size, told),
        limit=MAX_BODY,
        own=r"(?!)",
        power=POWER,
    ),
    adapter=Webhook,
    path=PATH,
    limit=MAX_BODY,
    size=size,
    text_of=told,
    allows=(),
    reads={"forbidden": Dead, "of a proxy": RateLimited},
)
