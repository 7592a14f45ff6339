"""Builder and chat are away for an hour of fake time, in which the clock is set; nothing is lost by that."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from chaos.checker import Accepted, Evidence, Message, Ran, breaches, name_of
from chaos.facts import Facts, read, reader
from support.engines import postgres, url_of
from support.harness import DispatcherHarness
from support.rules import rules_of, shop_rule
from support.scripted import Clock, ScriptedBuilder, ScriptedChannel, Store, delivery_of, open_store
from support.sending import push_body

from bridge.builders.base import Ambiguous, Handle, Retry, Sent, Status
from bridge.channels import base as channels
from bridge.config.channels import ChannelSettings
from bridge.errors import Transient
from bridge.model.build import BuildRequest, BuildState
from bridge.model.notice import MESSAGE_CHANNEL, Notice
from bridge.planning.notice_policy import NoticePolicy
from bridge.registry import FORGES
from bridge.runtime.clock import SteadyClock
from bridge.runtime.rate import Rate
from bridge.services.housekeeper import ClockFollower
from bridge.services.notifier import Notifier, Target
from bridge.services.poller import Poller
from bridge.services.triggerer import Triggerer

HOUR = 3600.0
ROUNDS = 6
"""So often each ref is pushed, over the hour."""
REFS = 3
URL = "https://git.example.com/acme/{}.git"
NOTICES = """notices:
  - channel: team
    notice_type: DING_TALK
    enabled_event_type_names: [buildJobSuccess, buildJobFail, buildJobStop]
    only: always
"""
REPOSITORIES = {"all": "queue", "newest": "skip_waiting", "last": "cancel"}
RULES = "---".join(
    shop_rule(URL.format(name), "**", tag="{branch}", name=name, builder="here", on_newer=newer) + NOTICES
    for name, newer in REPOSITORIES.items()
)


class SetClock(Clock):
    """The clock of the bridge, beside a wall clock that may be set, and an even one that goes on."""

    def __init__(self) -> None:
        self.wall, self.even = Clock(), Clock(0.0)
        self.steady = SteadyClock(self.wall, self.even)

    def __call__(self) -> float:
        return self.steady()

    def advance(self, seconds: float) -> None:
        self.wall.advance(seconds)
        self.even.advance(seconds)


class Server(ScriptedBuilder):
    """A builder that can be searched; the answer to its last trigger before it goes away is lost."""

    def __init__(self) -> None:
        super().__init__("here")
        self.is_away = self.loses_answer = False
        self.taken: Counter[str] = Counter()
        self.order: list[str] = []

    async def trigger(self, request: BuildRequest) -> Sent | Retry | Ambiguous:
        if self.is_away:
            return Retry("no route to host")
        self.taken[request.build_id] += 1
        self.order.append(request.build_id)
        if self.loses_answer:
            self.is_away, self.loses_answer = True, False
            return Ambiguous("the connection was reset")
        return Sent(request.build_id)

    async def find(self, request: BuildRequest) -> Handle | None:
        if self.is_away:
            raise Transient("no route to host")
        return request.build_id if request.build_id in self.taken else None

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        if self.is_away:
            raise Transient("no route to host")
        return {name: Status(state=_end(handle), raw="done") for name, handle in handles.items()}


def _end(build_id: str) -> BuildState:
    """How a build ends: always the same for one id."""
    digest = hashlib.sha256(build_id.encode()).digest()
    return BuildState.SUCCEEDED if digest[0] % 5 else BuildState.FAILED


class Chat(ScriptedChannel):
    """A robot that may be away, and notes each message that it took."""

    def __init__(self, name: str, even: Clock, rate: Rate | None = None) -> None:
        super().__init__(name, rate=rate)
        self.is_away = False
        self.taken: list[Message] = []
        self._even = even

    async def send(self, notice: Notice) -> channels.Outcome:
        if self.is_away:
            return channels.Retry("no route to host")
        self.taken.append(Message(self._even(), name_of(notice.id)))
        return channels.Ok()


class Line(DispatcherHarness):
    """From the delivery to the last notice of its builds."""

    def __init__(self, store: Store, clock: SetClock, server: Server, chats: list[Chat]) -> None:
        super().__init__(store, rules_of(store.path.parent, RULES), FORGES)
        self.clock, self.server, self.chats = clock, server, chats
        notifiers = [self._notifier(chat) for chat in chats]
        shared: dict[str, Any] = {
            "builds": store.builds,
            "health": self.builder_health(server.name),
            "notice_policy": NoticePolicy(store.clock),
            "clock": store.clock,
            "wake_notifiers": self.hand_over("wake_notifiers", *notifiers),
        }
        poller = Poller(server.name, server, on_ended=self.hand_over("on_ended"), **shared)
        triggered = self.hand_over("on_triggered", poller)
        self.add(Triggerer(server.name, server, jobs=store.jobs, rooms=(), on_triggered=triggered, **shared))
        self.add(poller)
        for notifier in notifiers:
            self.add(notifier)
        if not postgres():  # by its server's clock, which no test can set, all nodes go
            self.add(ClockFollower(store, clock.steady, lambda: True))
        self.accepted: list[Accepted] = []

    def _notifier(self, chat: Chat) -> Notifier:
        return Notifier(
            chat.name,
            chat,
            Target(chat.name),
            ChannelSettings(),
            notices=self.store.notices,
            health=self.store.health,
            clock=self.store.clock,
            wake_notifiers=self.hand_over("wake_notifiers"),
        )

    async def push(self, round_number: int) -> None:
        """A push of each ref of each repository."""
        for repository in REPOSITORIES:
            for ref in (f"refs/heads/r{number}" for number in range(REFS)):
                before, sha = (_sha(repository, ref, number) for number in (round_number - 1, round_number))
                body = push_body(
                    URL.format(repository), ref, sha, before=before if round_number else "0" * 40
                )
                headers = {"content-type": "application/json", "webhook-id": sha}
                (row,) = await self.put(delivery_of(sha, self.clock(), body=body, headers=headers))
                number = len(self.accepted)
                self.accepted.append(Accepted(number, sha, row.delivery.id, repository, ref, sha, "team"))

    def evidence(self) -> Evidence:
        at_builder = {
            build_id: [Ran(place, _end(build_id) is BuildState.SUCCEEDED)]
            for place, build_id in enumerate(self.server.order)
        }
        sent = {chat.name: chat.taken for chat in self.chats if chat.rate is not None}
        return Evidence(accepted=self.accepted, triggers=self.server.taken, ran=at_builder, sent=sent)


def _sha(repository: str, ref: str, number: int) -> str:
    return hashlib.sha1(f"{repository} {ref} {number}".encode(), usedforsecurity=False).hexdigest()


def _facts(store: Store) -> Facts:
    engine = reader(url_of(store.path).replace("sqlite://", "sqlite:///"))
    with engine.connect() as connection:
        return read(connection)


@pytest.mark.parametrize("step", [0.0, 2 * HOUR, -HOUR / 2], ids=["not set", "set forward", "set back"])
async def test_all_has_its_end_and_its_notices_once_both_are_back(tmp_path: Path, step: float) -> None:
    clock = SetClock()
    async with open_store(tmp_path / "store", clock) as store:
        server = Server()
        chats = [Chat(MESSAGE_CHANNEL, clock.even), Chat("team", clock.even, Rate(20, 60.0))]
        line = Line(store, clock, server, chats)
        async with line.running():
            await line.push(0)
            await line.advance(10)
            server.loses_answer = chats[1].is_away = True
            for number in range(1, ROUNDS + 1):
                await line.push(number)
                if number == ROUNDS // 2:
                    clock.wall.advance(step)
                await line.advance(HOUR / ROUNDS)
            assert server.is_away
            server.is_away = chats[1].is_away = False
            for _ in range(40):
                await line.advance(30)
        facts = _facts(store)
    assert [str(breach) for breach in breaches(facts, line.evidence())] == []
    states = Counter(build.state for build in facts.builds)
    assert states[BuildState.SUPERSEDED] >= REFS * (ROUNDS - 2)
    assert chats[1].taken
