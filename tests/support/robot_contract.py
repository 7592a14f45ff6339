"""What channels behind one URL give to the contract suite: the answers of HTTP, the codes of group robots."""

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

from support.channel_contract import Answer, Contract, Written, make_channel
from support.fake_robots import FakeRobot, Script, Turnable, answer, broken, hang

from bridge.channels.base import Channel, ChannelContext, Outcome
from bridge.channels.hook import Hook
from bridge.channels.robot import Robot
from bridge.model.notice import Notice
from bridge.runtime.rate import Rate

OWN: Final = r'\[[^\[\]]*\]\(https?://[^\s()<>]+\)|<font color="(?:info|warning|comment)">|</font>'
"""Links and colours that we wrote."""
POWER: Final = r"[@<]|\]\(|!\[|://"
"""Mentions, HTML, links and images."""
TIMEOUTS: Final = ("bridge.runtime.http_client.TOTAL_TIMEOUT",)


Size = Callable[[bytes, str], int]
"""The bytes that the vendor counts, of a body and the text in it."""


TextOf = Callable[[Mapping[str, Any]], str]
"""What the reader's client shows of a message."""


def text_of(message: Mapping[str, Any]) -> str:
    part = message[message["msgtype"]]
    return str(part.get("text", part.get("content")))


@dataclass(frozen=True, kw_only=True)
class HookContract(Contract[FakeRobot]):
    """`path` is that of a URL with its password; `limit` bounds `size`, `allows` how often."""

    adapter: type[Hook]
    path: str
    limit: int
    size: Size
    allows: Sequence[Rate]
    reads: Mapping[str, type[Outcome]] = field(default_factory=dict)
    """What answers mean here and not elsewhere, by their names in the suite."""
    text_of: TextOf = text_of

    def robot(self) -> AbstractAsyncContextManager[FakeRobot]:
        return self.serve(Path(), Turnable())

    def channel(self, url: str, **changes: Any) -> Channel:
        return make_channel(self.adapter.kind, self, FakeRobot(url), changes)

    @property
    def needed(self) -> Mapping[str, Any]:
        """What the settings have beside the URL."""
        return {key: value for key, value in self.settings(FakeRobot("")).items() if key != "url"}


@dataclass(frozen=True, kw_only=True)
class RobotContract(HookContract):
    """`codes` says what each code means: an outcome, or the reason of a `Dead`."""

    adapter: type[Robot]
    codes: Mapping[int, type[Outcome] | str]
    busy: Sequence[int]
    """Codes of a robot that takes notices again within seconds."""

    def says(self, code: int, words: str = "as scripted") -> Script:
        """The script of this answer."""
        names = self.adapter.fields
        return answer(200, json.dumps(dict(zip(names, (code, words), strict=True))).encode())


def scripted(script: Callable[[], Script]) -> Callable[[FakeRobot], None]:
    """The preparation of a robot that gives this answer first."""
    return lambda robot: robot.scripted.append(script())


def unreachable(robot: FakeRobot) -> dict[str, Any]:
    return {"url": re.sub(r":\d+/", ":1/", robot.url)}


def _too_many(pause: Callable[[], str]) -> Callable[[FakeRobot], None]:
    return scripted(lambda: answer(429, b"", **{"retry-after": pause()}))


HTTP_ANSWERS: Final[Mapping[Answer, Callable[[FakeRobot], Mapping[str, Any] | None]]] = {
    Answer.TAKEN: lambda _robot: None,
    Answer.RATE_SECONDS: _too_many(lambda: "77"),
    Answer.RATE_DATE: _too_many(lambda: formatdate(time.time() + 77, usegmt=True)),
    Answer.TEMPORARY: scripted(lambda: answer(403, b"")),
    Answer.SERVER_ERROR: scripted(lambda: answer(500, b"oops")),
    Answer.UNREACHABLE: unreachable,
    Answer.LOST: scripted(lambda: broken),
    Answer.SILENT: scripted(lambda: hang),
    Answer.UNREADABLE: scripted(lambda: answer(200, b"okay")),
}


def taken(robot: FakeRobot) -> list[str]:
    return [text_of(message) for message in robot.messages]


def write(
    adapter: type[Hook], settings: Mapping[str, Any], size: Size, text_of: TextOf = text_of
) -> Callable[[Notice, ChannelContext], Written]:
    """The longest body that the channel makes of a notice; `size` is of its body and its text."""

    def written(notice: Notice, context: ChannelContext) -> Written:
        robot = adapter("team", adapter.Settings.model_validate(settings), context)
        body = robot.render(notice, robot.limits[0])
        text = text_of(json.loads(body))
        return Written(size(body, text), text)

    return written
