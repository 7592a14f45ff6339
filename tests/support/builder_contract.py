"""What a kind of builder brings so that the contract suite of all builders can test it.

Its folder `tests/builders/<package>/` has a `contract.py` with `SITE`: the fake build system, and its table
of trigger answers.
"""

import socket
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, ClassVar, Literal, Self
from uuid import UUID

from support.fake_http import FakeServer, Reply

from bridge.builders.base import Ambiguous, Builder, Outcome, Retry, Search, Sent
from bridge.model.build import BuildRequest


def timed(seconds: int, number: int = 0) -> str:
    """A build id that was made then."""
    return str(UUID(int=(seconds * 1000 << 80) | (7 << 76) | (2 << 62) | number))


def request(build_id: str = "b-1", **more: Any) -> BuildRequest:
    """A request for a build of the branch master, with these changes."""
    facts: dict[str, Any] = {
        "number": 1,
        "namespace": "acme",
        "repo_name": "shop",
        "image": "registry.example.com/acme/shop",
        "tags": ("latest",),
        "version_tag": None,
        "repo_url": "https://git.example.com/acme/shop.git",
        "ref": "refs/heads/master",
        "branch": "master",
        "tag": None,
        "commit": "1" * 40,
    }
    return BuildRequest(build_id=build_id, **(facts | more))


@dataclass(frozen=True, slots=True)
class Case:
    """A class of answer to a trigger.

    `prepare` brings it about for the next trigger and returns settings that the builder needs for it. With
    `changes` the request itself does. A Retry names `after`, or says that it was `denied`.
    """

    outcome: type[Outcome]
    prepare: Callable[[Any], Mapping[str, Any] | None] = lambda _site: None
    changes: Mapping[str, Any] = field(default_factory=dict)
    after: float | None = None
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """What a remote build system does in place of its answer.

    `reply` answers with these parts, `reset` cuts the connection after the request was read, `hang` never
    answers, `drip` sends the true answer a byte at a time, `late` does nothing for `seconds` and then what it
    should, whether or not the client still waits. With `acts` the request is carried out first.
    """

    kind: Literal["reply", "reset", "hang", "drip", "late"] = "reply"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    acts: bool = False
    seconds: float = 0.0


class Site(ABC):
    """A build system under test, and the builders that come and go on it."""

    CASES: ClassVar[Mapping[str, Case]]
    """Each class of answer that this build system can give to a trigger."""
    ABSENT: ClassVar[Search | None] = None
    """What `find` says of a build that there is not; where it cannot search, of any."""
    secret: str
    """What no outcome, error, handle or log may show."""

    @classmethod
    @abstractmethod
    def open(cls, folder: Path) -> AbstractAsyncContextManager[Self]:
        """A site that can write to `folder`; at the end nothing of it goes on."""

    @abstractmethod
    def make(self, **settings: Any) -> Builder:
        """A new builder, as a new process would make it."""

    @asynccontextmanager
    async def builder(self, **settings: Any) -> AsyncIterator[Builder]:
        made = self.make(**settings)
        try:
            yield made
        finally:
            await made.aclose()

    @abstractmethod
    def request(self, build_id: str, *, log: str = "", succeeds: bool = True, **changes: Any) -> BuildRequest:
        """A request whose build prints `log` once it runs, and ends like that when `finish` is called."""

    @abstractmethod
    async def start(self, build_id: str) -> None:
        """Let the triggered build run, if it waits."""

    @abstractmethod
    async def finish(self, build_id: str) -> None:
        """Let the running build end."""

    @abstractmethod
    def count(self, build_id: str) -> int:
        """How many builds with our id the build system was made to start."""

    @abstractmethod
    def untouched(self) -> bool:
        """Whether no builder has asked or written anything yet."""

    @abstractmethod
    def recover(self) -> None:
        """End what a case or a failure brought about."""


class RemoteSite(Site):
    """A build system behind HTTP; its settings have `url` and `timeout`."""

    STAGES: ClassVar[Sequence[str]]
    """What the build system goes through while it starts; a name each."""
    ENDS: ClassVar[tuple[str, str]]
    """Its words for a build that succeeded, and for one that failed."""
    TRIGGER: ClassVar[str] = "POST"
    """What the line of a request has that starts a build, and no other."""

    def __init__(self, server: FakeServer, stack: ExitStack) -> None:
        """What is on the `stack` is closed with the site."""
        self.server = server
        self.stack = stack
        self.requests = server.requests
        self.logs: dict[str, str] = {}
        self.ends: dict[str, str] = {}

    def request(self, build_id: str, *, log: str = "", succeeds: bool = True, **changes: Any) -> BuildRequest:
        self.logs[build_id] = log
        self.ends[build_id] = self.ENDS[0 if succeeds else 1]
        return request(build_id, **changes)

    def fail(self, failure: Failure) -> None:
        """Every request meets this failure, until `recover`."""
        self._fail(failure, "", 1_000_000)

    def fail_trigger(self, failure: Failure) -> None:
        """The next request that starts a build meets this failure."""
        self._fail(failure, self.TRIGGER, 1)

    def _fail(self, failure: Failure, match: str, times: int) -> None:
        reply = None
        if failure.kind == "reply":
            reply = Reply(failure.status, dict(failure.headers), failure.body)
        self.server.trouble(
            failure.kind, match, times=times, acts=failure.acts, reply=reply, seconds=failure.seconds
        )

    def recover(self) -> None:
        self.server.troubles.clear()

    @abstractmethod
    def restart(self, stage: str) -> None:
        """The build system starts again, and stays in this stage until `recover`."""

    @abstractmethod
    def take_over(self, build_id: str) -> None:
        """The running build is lost; another one, without any id of ours, has its number and succeeds."""

    def untouched(self) -> bool:
        return not self.requests


def answered(
    outcome: type[Outcome], status: int, after: float | None = None, *, denied: bool = False, **headers: str
) -> Case:
    """The trigger is answered with this status; underscores stand for dashes."""
    failure = Failure(
        status=status, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    return Case(outcome, lambda site: site.fail_trigger(failure), after=after, denied=denied)


def failed(outcome: type[Outcome], failure: Failure, **settings: Any) -> Case:
    """The trigger meets a failure of the network."""

    def prepare(site: RemoteSite) -> Mapping[str, Any]:
        site.fail_trigger(failure)
        return settings

    return Case(outcome, prepare)


def _refused(_site: RemoteSite) -> Mapping[str, Any]:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return {"url": f"http://127.0.0.1:{closed.getsockname()[1]}/"}


def _silent(site: RemoteSite) -> Mapping[str, Any]:
    """A server that takes the connection and says nothing: without TLS no request can be sent."""
    listener = site.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    return {"url": f"https://127.0.0.1:{listener.getsockname()[1]}/", "timeout": "1s"}


_DATE = datetime(2026, 11, 21, 2, 0, tzinfo=UTC)
REMOTE_CASES: Mapping[str, Case] = {
    "accepted": Case(Sent),
    "401": answered(Retry, 401, denied=True),
    "403": answered(Retry, 403, denied=True),
    "429": answered(Retry, 429),
    "429 with seconds": answered(Retry, 429, 7.0, Retry_After="7"),
    "429 with a date": answered(
        Retry,
        429,
        30.0,
        Retry_After=format_datetime(_DATE.replace(second=30), usegmt=True),
        Date=format_datetime(_DATE, usegmt=True),
    ),
    "429 with days": answered(Retry, 429, 3600.0, Retry_After="999999"),
    "429 with nonsense": answered(Retry, 429, Retry_After="soon"),
    "503": answered(Retry, 503),
    "503 with seconds": answered(Retry, 503, 7.0, Retry_After="7"),
    "408": answered(Ambiguous, 408),
    "502": answered(Ambiguous, 502),
    "504": answered(Ambiguous, 504),
    "connection refused": Case(Retry, _refused),
    "time-out before the request was sent": Case(Retry, _silent),
    "time-out, carried out": failed(Ambiguous, Failure("hang", acts=True), timeout="1s"),
    "time-out, not carried out": failed(Ambiguous, Failure("hang"), timeout="1s"),
    "connection lost, carried out": failed(Ambiguous, Failure("reset", acts=True)),
    "connection lost, not carried out": failed(Ambiguous, Failure("reset")),
}
"""What every build system behind HTTP means by these; a kind adds the answers that are its own."""
OWN_STATUSES = (400, 404, 409, 500)
"""The statuses that mean something else for each vendor: a kind says what."""
