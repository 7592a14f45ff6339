"""Live events: each once and in order, for those who may see them, also over a restart."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from support.answers import bad
from support.api import api_of, callers_of, client_of, issue
from support.daemon import NO_TLS, SECRET, TOKEN, Daemon, running
from support.rules import shop_rule
from support.scripted import Store, eventually, quiet
from support.trail import change_by

from bridge.model.access import Principal, Role
from bridge.model.build import BuildState
from bridge.web.api import events
from bridge.web.api.core.errors import Unavailable
from bridge.web.api.events import Events

URL = "file:///nowhere/shop.git"
CONFIG = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "builders": {"here": {"kind": "local", "command": ["true"]}},
}
CLIENTS = 200
ADMIN = Principal(name="root", role=Role.ADMIN)
VIEWER = Principal(name="ann", role=Role.VIEWER, namespaces=frozenset({"acme"}))


async def always(_principal: Principal) -> bool:
    """No token is revoked here."""
    return True


class Follower:
    """A client as a browser is one: it comes back with the id of the last event that it has got."""

    def __init__(self) -> None:
        self.seqs: list[int] = []

    async def follow(self, client: httpx.AsyncClient, url: str) -> None:
        while True:
            last = {"last-event-id": str(self.seqs[-1])} if self.seqs else {}
            headers = {"authorization": f"Bearer {TOKEN}", **last}
            try:
                async with client.stream("GET", f"{url}/v1/events?after=0", headers=headers) as answer:
                    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
                    async for line in answer.aiter_lines():
                        if line.startswith("id: "):
                            self.seqs.append(int(line[4:]))
            except httpx.TransportError:
                await anyio.sleep(0.1)  # as browsers do, before they come back


async def asked(daemon: Daemon, count: int) -> None:
    for _ in range(count):
        line = ["builds", "trigger", "acme/shop", "--branch", "main", "--commit", "a" * 40, "--timeout", "30"]
        assert (await anyio.to_thread.run_sync(daemon.command, *line)).status == 0


async def test_many_clients_get_each_event_once_over_a_restart_that_does_not_wait_for_them(
    tmp_path: Path,
) -> None:
    followers = [Follower() for _ in range(CLIENTS)]
    limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=0)
    rules = {"shop.yaml": shop_rule(URL, "**", name="shop", builder="here")}
    with running(tmp_path, CONFIG, rules) as daemon:
        async with (
            httpx.AsyncClient(limits=limits, timeout=60, verify=NO_TLS) as client,
            anyio.create_task_group() as tasks,
        ):
            for follower in followers:
                tasks.start_soon(follower.follow, client, daemon.url)
            await asked(daemon, 2)

            async def all_follow() -> bool:
                return all(follower.seqs for follower in followers)

            assert await eventually(all_follow)
            assert await anyio.to_thread.run_sync(daemon.stop) == 0
            assert "timeout graceful shutdown exceeded" not in daemon.output()
            await anyio.to_thread.run_sync(daemon.start)
            await asked(daemon, 2)

            async def all_alike() -> bool:
                ended = all(build["ended_at"] for build in daemon.builds())
                newest = daemon.newest_event()
                return ended and all(follower.seqs[-1:] == [newest] for follower in followers)

            assert await eventually(all_alike)
            tasks.cancel_scope.cancel()
    last = followers[0].seqs[-1]
    assert last > 12, "each of four builds waits, is triggered, runs and ends"
    for follower in followers:
        assert follower.seqs == list(range(1, last + 1))


async def heard(
    found: Events, principal: Principal | None, *, after: int | None = 0, until: str
) -> Sequence[dict[str, Any]]:
    """The events that a caller gets, up to the one that `until` names."""
    got: list[dict[str, Any]] = []
    done = anyio.Event()

    async def receive() -> dict[str, Any]:
        await done.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        for part in message.get("body", b"").decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in part.splitlines() if line[:1] not in {"", ":"})
            if fields:
                got.append(json.loads(fields["data"]))
                assert (fields["id"], fields["event"]) == (str(got[-1]["seq"]), got[-1]["kind"])
        if any(one["id"] == until for one in got):
            done.set()

    with anyio.fail_after(20):
        await found.stream(principal, after)({"type": "http"}, receive, send)
    return got


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0.01)


async def test_who_may_not_see_a_build_hears_nothing_of_it(store: Store, quick: None) -> None:
    found = Events(store.feed, always)
    mine = await store.add_build("1")
    other = await store.add_build("2", namespace="other")
    public = await store.add_build("3", namespace="other", is_public=True)

    async def about(principal: Principal | None) -> set[str]:
        """What is heard of, deliveries aside."""
        got = await heard(found, principal, until=public.id)
        return {one["id"] for one in got if one["kind"] == "build"}

    assert await about(ADMIN) == {mine.id, other.id, public.id}
    assert await about(VIEWER) == {mine.id, public.id}
    assert await about(None) == {public.id}
    kinds = Counter(one["kind"] for one in await heard(found, VIEWER, until=public.id))
    assert kinds.keys() == {"build"}, "a delivery is of no namespace yet"
    assert "delivery" in {one["kind"] for one in await heard(found, ADMIN, until=public.id)}


async def test_an_event_says_what_happened_to_what(store: Store, quick: None) -> None:
    build = await store.add_build("1", is_public=True)
    await store.builds.transition(build.id, BuildState.FAILED, quiet, detail="rejected: no\nsuch job")
    got = await heard(Events(store.feed, always), None, until=build.id)
    assert got[-1] == {
        "seq": got[-1]["seq"],
        "at": "2023-11-14T22:13:20.000Z",
        "kind": "build",
        "id": build.id,
        "what": "failed",
        "detail": "rejected: no\nsuch job",
        "namespace": "acme",
        "repo_name": "shop",
        "number": 1,
    }


async def test_a_stream_without_a_place_begins_with_what_happens_from_now_on(
    store: Store, quick: None
) -> None:
    found = Events(store.feed, always)
    before = await store.add_build("1")
    nothing, place = await found.since(None)
    assert not nothing
    now = await store.add_build("2")
    got = await heard(found, ADMIN, after=place, until=now.id)
    assert before.id not in {one["id"] for one in got}


@pytest.mark.parametrize(("kept", "batch"), [(3, 2), (2, 3), (2_000, 2)])
async def test_who_is_far_behind_gets_each_event_once_in_its_order(
    store: Store, quick: None, monkeypatch: pytest.MonkeyPatch, kept: int, batch: int
) -> None:
    monkeypatch.setattr(events, "_KEPT", kept)
    monkeypatch.setattr(events, "_BATCH", batch)
    found = Events(store.feed, always)
    await found.since(None)
    for number in range(9):
        await store.add_build(str(number))
    (last,) = await store.feed.after(await store.feed.newest() - 1, 1)
    seqs = [one["seq"] for one in await heard(found, ADMIN, until=last.subject)]
    assert seqs == list(range(1, await store.feed.newest() + 1))
    place = seqs[4]
    assert [one["seq"] for one in await heard(found, ADMIN, after=place, until=last.subject)] == seqs[5:]


async def test_what_is_written_just_after_the_last_look_comes_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 60)
    found = Events(store.feed, always)
    await store.add_build("1")
    _, seen = await found.since(None)
    await store.add_build("2")
    got, place = await found.since(0)
    assert [one.seq for one in got] == list(range(1, seen + 1))
    assert await found.since(place) == ((), seen), "it has not looked again"


async def test_who_shows_no_token_does_not_learn_how_much_happens_elsewhere(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "LOOK_SECONDS", 0)
    found = Events(store.feed, always)
    begin = await found.newest(None)
    await store.add_build("1")
    assert await found.newest(None) == begin
    assert await found.newest(VIEWER) == await store.feed.newest() > begin
    await store.add_build("2", is_public=True)
    await store.add_build("3")
    public = [one.seq for one in await store.feed.after(0, 100) if one.is_public]
    assert await found.newest(None) == public[-1] > begin


async def test_a_place_of_another_store_is_now(store: Store, quick: None) -> None:
    """As that of a client which has seen more than the backup that came back."""
    found = Events(store.feed, always)
    await store.add_build("1")
    newest = await store.feed.newest()
    assert await found.since(newest + 7) == ((), newest)


async def test_a_stream_ends_when_its_token_is_revoked(
    store: Store, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HOLD_SECONDS", 0.02)
    issued = await issue(store, Role.VIEWER)
    found = Events(store.feed, callers_of(store).holds)
    got = bytearray()

    async def send(message: Any) -> None:
        got.extend(message.get("body", b""))

    async def stream() -> None:
        await found.stream(issued.principal, 0)({"type": "http"}, anyio.sleep_forever, send)  # type: ignore[arg-type]

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream)
            await store.add_build("1")
            await eventually(lambda: b"event: build" in got)
            await store.tokens.revoke(issued.id, change_by())
    await store.add_build("2")
    assert got.count(b"event: build") == 1


@pytest.mark.parametrize(("ping", "sent"), [(True, b"event: ping\ndata: {}\n\n"), (False, b":\n\n")])
async def test_a_quiet_stream_shows_that_it_lives(
    store: Store, quick: None, monkeypatch: pytest.MonkeyPatch, ping: bool, sent: bytes
) -> None:
    monkeypatch.setattr(events, "PING_SECONDS", 0.02)
    found, got = Events(store.feed, callers_of(store).holds), bytearray()

    async def send(message: Any) -> None:
        got.extend(message.get("body", b""))

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            answer = found.stream(None, 0, ping=ping)
            tasks.start_soon(answer, {"type": "http"}, anyio.sleep_forever, send)  # type: ignore[arg-type]
            await eventually(lambda: sent in got)
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("place", ["abc", "-1", "1.5", "9" * 20])
async def test_the_id_of_no_event_is_a_mistake(store: Store, place: str) -> None:
    async with client_of(api_of(store)) as client:
        answer = await client.get("/v1/events", headers={"last-event-id": place})
        assert bad(answer, 400) == f"Last-Event-ID: {place} is the id of no event here: leave it out"
        assert (await client.get("/v1/events", headers={"last-event-id": ""})).status_code == 200


async def test_a_client_that_takes_nothing_and_one_too_many_have_to_come_back(
    store: Store, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_STREAMS", 1)
    monkeypatch.setattr(events, "SEND_SECONDS", 0.05)
    found = Events(store.feed, always)
    stuck = anyio.Event()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            stuck.set()
            await anyio.sleep_forever()

    async with anyio.create_task_group() as tasks:

        async def stream() -> None:
            with pytest.raises(ExceptionGroup) as ended:
                await found.stream(ADMIN, 0)({"type": "http"}, anyio.sleep_forever, send)  # type: ignore[arg-type]
            assert ended.group_contains(TimeoutError)

        tasks.start_soon(stream)
        await stuck.wait()
        with pytest.raises(Unavailable, match="there are too many streams of events"):
            found.stream(ADMIN, 0)
    found.stream(ADMIN, 0)


async def test_who_shows_no_token_leaves_room_for_others(
    store: Store, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "MAX_OF_STRANGER", 1)
    monkeypatch.setattr(events, "MAX_OF_STRANGERS", 2)
    monkeypatch.setattr(events, "MAX_OF_CALLER", 1)
    found = Events(store.feed, always)

    async def send(message: Any) -> None:
        pass

    async with anyio.create_task_group() as tasks:
        for principal, origin in ((None, "192.0.2.1"), (None, "192.0.2.2"), (ADMIN, "192.0.2.1")):
            answer = found.stream(principal, 0, origin=origin)
            tasks.start_soon(answer, {"type": "http"}, anyio.sleep_forever, send)  # type: ignore[arg-type]
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(Unavailable, match="too many streams"):
                found.stream(principal, 0, origin=origin)
        with pytest.raises(Unavailable, match="too many streams"):
            found.stream(None, 0, origin="192.0.2.3")
        tasks.cancel_scope.cancel()
    found.stream(None, 0, origin="192.0.2.1")


async def test_where_the_store_cannot_be_read_the_stream_ends_well_and_the_client_comes_back(
    store: Store, quick: None
) -> None:
    build = await store.add_build("1")
    found = Events(store.feed, always)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await store.database.write(lambda connection: connection.exec_driver_sql("DROP TABLE step"))
    with anyio.fail_after(20):
        await found.stream(ADMIN, 0)({"type": "http"}, anyio.sleep_forever, send)  # type: ignore[arg-type]
    assert sent[-1] == {"type": "http.response.body", "body": b""}
    assert build.id not in str(sent)
