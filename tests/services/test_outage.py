"""A builder that is down for an hour, while many pushes come in."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.harness import DispatcherHarness
from support.rules import rules_of, shop_rule
from support.scripted import ScriptedBuilder, Store, delivery_of
from support.sending import push_body

from bridge.builders.base import Handle, Retry, Sent, Status
from bridge.errors import Transient
from bridge.model.build import Build, BuildState
from bridge.model.delivery import Delivery
from bridge.planning.notice_policy import NoticePolicy
from bridge.registry import FORGES
from bridge.services.poller import Poller
from bridge.services.triggerer import RATE, Triggerer
from bridge.store.values import BuildFilter, Cursor

HOUR = 3600
REFS = 15
PUSHES = 10
"""Of each ref of each of two repositories."""
URL = "https://git.example.com/acme/{}.git"
RULES = "---".join(
    shop_rule(URL.format(name), "**", tag="{branch}", name=name, builder="here", on_newer=on_newer)
    for name, on_newer in (("all", "queue"), ("newest", "skip_waiting"))
)


class Server(ScriptedBuilder):
    """A build server that may be down, and ends each build as soon as it is asked for it."""

    def __init__(self, store: Store) -> None:
        super().__init__("here")
        self.down = False
        self.sent: list[tuple[float, str]] = []
        self._store = store

    async def trigger(self, request: Any) -> Sent | Retry:
        if self.down:
            return Retry("no route to host")
        self.sent.append((self._store.clock(), request.build_id))
        return Sent(request.build_id)

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        if self.down:
            raise Transient("no route to host")
        return {name: Status(state=BuildState.SUCCEEDED, raw="done") for name in handles}


class Line(DispatcherHarness):
    """From the delivery to the end of its build, on one server."""

    def __init__(self, store: Store, server: Server, folder: Path) -> None:
        super().__init__(store, rules_of(folder, RULES), FORGES)
        shared: dict[str, Any] = {
            "builds": store.builds,
            "health": self.builder_health(server.name),
            "notice_policy": NoticePolicy(store.clock),
            "clock": store.clock,
            "wake_notifiers": self.hand_over("wake_notifiers"),
        }
        poller = Poller(server.name, server, on_ended=self.hand_over("on_ended"), **shared)
        triggered = self.hand_over("on_triggered", poller)
        self.add(Triggerer(server.name, server, jobs=store.jobs, rooms=(), on_triggered=triggered, **shared))
        self.add(poller)


async def all_builds(store: Store) -> list[Build]:
    """The oldest first."""
    return [*(await store.builds.page(Cursor(), 1000, BuildFilter())).rows][::-1]


async def test_all_that_came_meanwhile_is_built_in_order_at_a_bounded_rate_once_the_server_is_back(
    store: Store, tmp_path: Path
) -> None:
    server = Server(store)
    harness = Line(store, server, tmp_path)
    async with harness.running():
        server.down = True
        await pushed(harness)
        assert server.sent == []
        server.down = False
        for _ in range(20):
            await harness.advance(60)
        builds = await all_builds(store)

    assert len(builds) == 2 * REFS * PUSHES
    by_state: defaultdict[tuple[str, BuildState], list[Build]] = defaultdict(list)
    for build in builds:
        by_state[build.repo_name, build.state].append(build)
    assert {state: len(found) for state, found in by_state.items()} == {
        ("all", BuildState.SUCCEEDED): REFS * PUSHES,
        ("newest", BuildState.SUCCEEDED): REFS,
        ("newest", BuildState.SUPERSEDED): REFS * (PUSHES - 1),
    }
    assert {build.request.commit for build in by_state["newest", BuildState.SUCCEEDED]} == {
        sha_of("newest", f"r{ref}", PUSHES - 1) for ref in range(REFS)
    }
    sent = [build_id for _, build_id in server.sent]
    assert len(sent) == len({*sent}) == REFS * PUSHES + REFS
    place = {build_id: number for number, build_id in enumerate(sent)}
    of_ref: defaultdict[tuple[str, str], list[Build]] = defaultdict(list)
    for build in by_state["all", BuildState.SUCCEEDED]:
        of_ref[build.repo_name, build.request.ref].append(build)
    for queue in of_ref.values():
        assert queue == sorted(queue, key=lambda build: place[build.id])
    for moment, _ in server.sent:
        at_once = [at for at, _ in server.sent if moment <= at < moment + RATE.seconds]
        assert len(at_once) <= 2 * RATE.count
    assert {event.value for event in await store.events()} >= {"serviceDegraded", "serviceRestored"}


async def pushed(harness: Line) -> None:
    """Pushes of all refs, spread over an hour."""
    for number in range(PUSHES):
        now = harness.store.clock()
        names = [(repository, f"r{ref}") for ref in range(REFS) for repository in ("all", "newest")]
        await harness.put(*(push_of(*name, number, now) for name in names))
        await harness.advance(HOUR / PUSHES)


def push_of(repository: str, ref: str, number: int, now: float) -> Delivery:
    sha = sha_of(repository, ref, number)
    before = sha_of(repository, ref, number - 1) if number else "0" * 40
    body = push_body(URL.format(repository), f"refs/heads/{ref}", sha, before=before)
    headers = {"content-type": "application/json", "webhook-id": sha}
    return delivery_of(sha, now, body=body, headers=headers)


def sha_of(repository: str, ref: str, number: int) -> str:
    return hashlib.sha1(f"{repository} {ref} {number}".encode(), usedforsecurity=False).hexdigest()
