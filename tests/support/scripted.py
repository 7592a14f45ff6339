"""Adapters that do what a test says, and an open store under a clock that a test advances."""

import inspect
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from sqlalchemy import Connection
from support.engines import opened, postgres, taken
from support.listed import newest_notices

from bridge.builders.base import Builder, BuilderContext, Handle, LogChunk, Search, Sent, Status
from bridge.builders.base import Outcome as Triggered
from bridge.channels.base import Channel, ChannelContext, Ok
from bridge.channels.base import Outcome as Told
from bridge.config.types import Strict
from bridge.model.build import Build, BuildRequest, NewBuild, Origin
from bridge.model.delivery import Delivery, DeliveryState
from bridge.model.event import Person
from bridge.model.notice import EventName, Notice, Subscription
from bridge.planning.builds import plan
from bridge.planning.notice_policy import ServiceNoticePolicy
from bridge.runtime.rate import Rate
from bridge.runtime.wakeups import Wakeup
from bridge.services.base import Service
from bridge.store.sql.build_rows import build_of
from bridge.store.sql.database import Database
from bridge.store.sql.eligibility import due
from bridge.store.sql.store import SqlStore
from bridge.store.values import Decision, NoticeFilter, no_notices

START = 1_700_000_000.0
_NUMBERS = count()
quiet = no_notices
ANN = Person("Ann", "ann@example.com")
SHA = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Clock:
    """Stands until it is advanced."""

    now: float = START

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class RunningClock(Clock):
    """The time of the system, for what no test can hurry."""

    def __call__(self) -> float:
        return time.time()


class Rounds(Wakeup):
    """The wakeup of a service, which knows when the service has done a whole round."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._waited_for = False

    @classmethod
    def of(cls, service: Service) -> "Rounds":
        """The wakeup of a service that does not run yet; it waits for no tick from now on."""
        service.tick = math.inf
        service.wakeup = rounds = cls()
        return rounds

    @property
    def idle(self) -> bool:
        """Whether the service waits, and was not woken."""
        return self._waited_for and not self._event.is_set()

    async def wait(self, seconds: float | None = None) -> None:
        self.count += 1
        self._waited_for = True
        try:
            await super().wait(seconds)
        finally:
            self._waited_for = False

    async def settled(self) -> None:
        """Wake the service, until a round that began after now has ended."""
        for _ in range(2):
            before = self.count
            self.wake()
            await eventually(partial(self._ended_since, before))

    def _ended_since(self, before: int) -> bool:
        return self.count > before


class Hang:
    """Never answer."""


class Nothing(Strict):
    """No settings."""


async def _say(script: "deque[Any]", otherwise: Any) -> Any:
    """The next line of a script: an exception is raised, a function called, Hang waits for ever.

    A coroutine function is awaited.
    """
    line = script.popleft() if script else otherwise
    if isinstance(line, Hang):
        await anyio.sleep_forever()
    if isinstance(line, BaseException):
        raise line
    said = line() if callable(line) else line
    return await said if inspect.isawaitable(said) else said


class ScriptedBuilder(Builder):
    """A builder whose answers are queued; with an empty queue it takes everything and knows nothing new.

    `calls` are (method, what it was for), in order; `requests` are those of its triggers and searches.
    """

    kind = "scripted"
    Settings = Nothing
    poll_interval = 0.01

    def __init__(
        self, name: str = "here", settings: Any = None, context: BuilderContext | None = None
    ) -> None:
        self.name = name
        self.triggers: deque[Triggered | BaseException | Hang | Callable[[], Triggered]] = deque()
        self.finds: deque[Handle | Search | BaseException | Hang | None] = deque()
        self.polls: deque[Mapping[str, Status] | Callable[[], Any] | BaseException | Hang] = deque()
        self.logs: deque[LogChunk | BaseException | Hang] = deque()
        self.cancels: deque[BaseException | Hang | None] = deque()
        self.releases: deque[BaseException | Hang | None] = deque()
        self.tests: deque[BaseException | Hang | str] = deque()
        self.statuses: dict[str, Status] = {}
        self.calls: list[tuple[str, str]] = []
        self.requests: list[BuildRequest] = []

    def called(self, method: str) -> list[str]:
        return [subject for name, subject in self.calls if name == method]

    async def trigger(self, request: Any) -> Triggered:
        self.calls.append(("trigger", request.build_id))
        self.requests.append(request)
        answer: Triggered = await _say(self.triggers, Sent(f"handle-{request.number}"))
        return answer

    async def find(self, request: BuildRequest) -> Handle | Search | None:
        self.calls.append(("find", request.build_id))
        self.requests.append(request)
        answer: Handle | Search | None = await _say(self.finds, None)
        return answer

    async def renew(self, handles: Collection[Handle]) -> None:
        self.calls.append(("renew", " ".join(handles)))

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        self.calls.append(("poll", " ".join(handles.values())))
        answer: Mapping[str, Status] = await _say(self.polls, self.statuses)
        return answer

    async def log(self, handle: Handle, offset: int) -> LogChunk:
        self.calls.append(("log", f"{handle}@{offset}"))
        answer: LogChunk = await _say(self.logs, LogChunk(text="", next=offset, more=False))
        return answer

    async def cancel(self, handle: Handle) -> None:
        self.calls.append(("cancel", handle))
        await _say(self.cancels, None)

    async def release(self, handle: Handle) -> None:
        self.calls.append(("release", handle))
        await _say(self.releases, None)

    async def reclaim(self, *, everything: bool = False) -> None:
        self.calls.append(("reclaim", str(everything)))

    async def test(self) -> str:
        self.calls.append(("test", ""))
        answer: str = await _say(self.tests, "there is nothing to test")
        return answer


class ScriptedChannel(Channel):
    """A channel whose answers are queued; with an empty queue it takes everything."""

    kind = "SCRIPTED"
    Settings = Nothing

    def __init__(
        self,
        name: str = "team",
        settings: Any = None,
        context: ChannelContext | None = None,
        rate: Rate | None = None,
    ) -> None:
        self.name = name
        self.rate = rate
        self.answers: deque[Told | BaseException | Hang | Callable[[], Awaitable[Told]]] = deque()
        self.attempts: list[Notice] = []

    def preview(self, notice: Notice) -> str:
        return notice.id

    async def send(self, notice: Notice) -> Told:
        self.attempts.append(notice)
        answer: Told = await _say(self.answers, Ok())
        return answer


class Store(SqlStore):
    """An open store and what is needed to fill it."""

    clock: Clock

    def __init__(self, database: Database, clock: Clock, path: Path) -> None:
        super().__init__(database, clock, ServiceNoticePolicy(clock))
        self.path = path

    async def add_build(
        self, key: str = "1", *, is_public: bool = False, author: Person = ANN, **changes: Any
    ) -> Build:
        """A waiting build, made the way the dispatcher makes it; `changes` are those of the NewBuild."""
        delivery = delivery_of(key, self.clock())
        receipt = await self.deliveries.put(delivery)
        new = new_build(receipt.id)
        given, notices_for = changes.pop("origin", new.origin), changes.pop("notices_for", quiet)
        origin = replace(given, delivery_id=receipt.id, is_public=is_public, author=author)
        new = replace(new, origin=origin, **changes)
        decision = Decision(state=DeliveryState.DISPATCHED, detail="", explanation=[], builds=[new])
        decided = await self.deliveries.record_decision(receipt.id, decision, notices_for, plan)
        assert decided is not None
        return await self.build(*decided.builds)

    async def due(self, builder: str) -> list[Build]:
        """The builds that could be claimed now, oldest first."""
        query = due(builder, self.clock())
        return await self.database.read(
            lambda connection: [build_of(row) for row in connection.execute(query).mappings()]
        )

    async def build(self, build_id: str) -> Build:
        found = await self.builds.get(build_id)
        assert found is not None
        return found

    async def steps(self, build_id: str) -> list[str]:
        return [step.what for step in await self.builds.steps(build_id)]

    async def events(self, channel: str = "message") -> list[EventName]:
        """The events written for a channel, oldest first."""
        rows = await newest_notices(self, 1000, NoticeFilter(channel=channel))
        return [row.notice.event for row in reversed(rows)]


def delivery_of(key: str, now: float, **changes: Any) -> Delivery:
    """A stored delivery, with an id like those that the receiver gives."""
    moment = f"{int(now * 1000):012x}"
    delivery = Delivery(
        id=f"{moment[:8]}-{moment[8:]}-7000-8000-{next(_NUMBERS):012x}",
        source="plain",
        forge="Simple",
        key=key,
        event="push",
        headers={"webhook-id": key},
        body=b"{}",
        received_at=now,
    )
    return replace(delivery, **changes)


def new_build(delivery_id: str, *subscriptions: Subscription, ref: str = "main") -> NewBuild:
    return NewBuild(
        namespace="acme",
        repo_name="shop",
        builder="here",
        tag_set=f"refs/heads/{ref} / /",
        image="acme/shop",
        tags=("latest",),
        version_tagging=0,
        repo_url="https://git.example.com/shop.git",
        ref=f"refs/heads/{ref}",
        sha=SHA,
        peeled=True,
        context="/",
        dockerfile="/",
        parameters={},
        origin=Origin(
            delivery_id=delivery_id,
            cause="push",
            ref_kind="branch",
            ref_name=ref,
            subject="A change",
            author=ANN,
        ),
        subscriptions=subscriptions,
        code="Simple https://git.example.com/shop",
        pushed=SHA,
    )


@asynccontextmanager
async def open_store(folder: Path, clock: Clock | None = None) -> AsyncIterator[Store]:
    """The store in a folder, made when it is not there."""
    path = folder / "bridge.db"
    database = await anyio.to_thread.run_sync(opened, path)
    try:
        yield Store(database, clock or Clock(), path)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(database.close)


@asynccontextmanager
async def beside(store: Store) -> AsyncIterator[Store]:
    """The same store in another process, such as a command."""
    database = await anyio.to_thread.run_sync(partial(opened, store.path, exclusive=False))
    try:
        yield Store(database, store.clock, store.path)
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(database.close)


@asynccontextmanager
async def failing(store: Store, *, busy_seconds: float = 0.005) -> AsyncIterator[None]:
    """While the block runs nothing can be written: another process keeps the store for itself."""
    patience = "SET lock_timeout" if postgres() else "PRAGMA busy_timeout"

    def set_patience(connection: Connection, rows: Sequence[None] = ()) -> Sequence[None]:
        connection.exec_driver_sql(f"{patience} = {busy_seconds * 1000:.0f}")
        return rows

    await store.database.write(set_patience)
    await store.database.insert(set_patience, None, patience=10)
    with taken(store.path):
        yield


async def eventually(look: Callable[[], Any], *, seconds: float = 10.0) -> Any:
    """What `look` (a plain or a coroutine function) answers once that is true."""
    with anyio.fail_after(seconds):
        while True:
            found = look()
            if hasattr(found, "__await__"):
                found = await found
            if found:
                return found
            await anyio.sleep(0.005)  # what is looked at has no event
