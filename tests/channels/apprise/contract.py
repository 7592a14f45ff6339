"""The part of Apprise in the contract suite: a service that takes any JSON."""

from typing import Any, Final

from channels.apprise.services import TOKEN, WRONG, shown, site
from support.channel_contract import Answer, Contract, Markup, Written
from support.fake_robots import FakeRobot, answer
from support.robot_contract import HTTP_ANSWERS, OWN, POWER, scripted

from bridge.channels.base import ChannelContext
from bridge.model.notice import Notice

LIMIT: Final = 16_000


def _settings(server: FakeRobot) -> dict[str, Any]:
    return {"url": server.url, "allow_private": True}


def _write(notice: Notice, given: ChannelContext) -> Written:
    from bridge.channels.adapters.apprise.service import Service  # noqa: PLC0415  # with an optional library

    title, body = Service(f"jsons://service.example.com/{TOKEN}").written(notice, given)
    text = f"{title}\n{body}"
    return Written(len(text.encode()), text)


CONTRACT: Final = Contract[FakeRobot](
    serve=lambda _folder, _clock: site("json"),
    settings=_settings,
    taken=lambda server: list(map(shown, server.messages)),
    answers={
        **{one: prepare for one, prepare in HTTP_ANSWERS.items() if one is not Answer.UNREADABLE},
        Answer.CREDENTIALS: lambda server: {"url": server.url.replace(TOKEN, WRONG)},
        Answer.CONTENT: scripted(lambda: answer(413, b"")),
        Answer.TEMPORARY: scripted(lambda: answer(408, b"")),
    },
    absent={Answer.UNREADABLE: "to Apprise each answer from 200 to 299 is a success, whatever it says"},
    asked=lambda server: not server.scripted,
    secrets=(TOKEN, WRONG),
    timeouts=("bridge.channels.adapters.apprise.channel.DEADLINE",),
    markup=Markup(write=_write, limit=LIMIT, own=OWN, power=POWER),
)
