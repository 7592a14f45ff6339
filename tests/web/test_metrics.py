"""`/metrics`: who may read it, what of the store stands in it, and which series it has from the start."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Connection, text
from starlette.types import ASGIApp
from structlog.testing import capture_logs
from support.answers import bad
from support.api import api_of, client_of
from support.engines import locked, postgres
from support.filled import fill
from support.notifying import put
from support.postgres import Server
from support.scripted import START, Clock, Store, delivery_of, failing, open_store, quiet
from support.trail import change_by

from bridge.model.build import BuildState
from bridge.runtime import metrics as registry
from bridge.store.open import open_store as open_at
from bridge.store.postgres.database import Database as Postgres
from bridge.store.sql import monitoring
from bridge.store.sql.database import READERS
from bridge.store.sqlite import database as sqlite
from bridge.web import metrics
from bridge.web.limits import ATTEMPT_RATE

LONG, SHORT = "a-token-that-nobody-guesses", "guessable"
Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    async with open_store(tmp_path_factory.mktemp("store")) as opened:
        yield opened


@pytest.fixture(autouse=True)
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The names that the stores of these tests have; the series of others are as before at the end."""
    before = registry.names()
    registry.prepare(["plain", "quiet"], ["here", "there"], ["message", "team"])
    monkeypatch.setattr(metrics, "FRESH_SECONDS", 0.0)
    yield
    registry.prepare(before.sources, before.builders, before.channels)


async def scraped(app: ASGIApp) -> Values:
    """Every sample of a scrape of this machine."""
    async with client_of(app, address="127.0.0.1") as client:
        answer = await client.get("/metrics")
    assert (answer.status_code, answer.headers["content-type"]) == (200, metrics.MEDIA_TYPE)
    return {
        (sample.name.removeprefix("buildbridge_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def value(values: Values, name: str, **labels: str) -> float | None:
    return values.get((name, frozenset(labels.items())))


async def get(app: ASGIApp, address: str = "192.0.2.7", token: str = "", **headers: str) -> httpx.Response:
    given = {name.replace("_", "-"): text for name, text in headers.items()}
    if token:
        given["authorization"] = f"Bearer {token}"
    async with client_of(app, address=address) as client:
        return await client.get("/metrics", headers=given)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "127.0.0.7"])
async def test_without_tokens_metrics_are_for_this_machine_only(store: Store, address: str) -> None:
    app = api_of(store)
    assert (await get(app, address)).status_code == 200
    assert "set `metrics.tokens`" in bad(await get(app), 403)


@pytest.mark.parametrize("header", ["x_forwarded_for", "forwarded", "x_real_ip", "via"])
async def test_a_proxy_on_this_machine_opens_metrics_to_no_one(store: Store, header: str) -> None:
    assert (await get(api_of(store), "127.0.0.1", **{header: "127.0.0.1"})).status_code == 403


async def test_who_sends_a_token_of_metrics_reads_them_from_everywhere_and_no_one_else_does(
    store: Store,
) -> None:
    app = api_of(store, tokens=["a-token-of-the-api-is-no-token-of-metrics"], metrics_tokens=["other", LONG])
    assert (await get(app, token=LONG)).status_code == 200
    assert (await get(app, token=LONG, x_forwarded_for="192.0.2.9")).status_code == 200
    for wrong in ("", "none", "a-token-of-the-api-is-no-token-of-metrics"):
        answer = await get(app, "127.0.0.1", wrong)
        assert "`metrics.tokens`" in bad(answer, 401)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_guesses_at_tokens_are_bounded_logged_once_and_keep_no_one_else_out(store: Store) -> None:
    app = api_of(store, metrics_tokens=[LONG, SHORT])
    with capture_logs() as logs:
        for _ in range(ATTEMPT_RATE.count):
            assert (await get(app, token="a-canary")).status_code == 401
        limited = await get(app, token="a-canary")
    assert "too many wrong tokens" in bad(limited, 429)
    assert limited.headers["retry-after"] == "1"
    assert [line["event"] for line in logs] == ["api.token_rejected"]
    assert "canary" not in str(logs)
    assert (await get(app, token=LONG)).status_code == 200, "others share the address"
    assert (await get(app, token=SHORT)).status_code == 429, "it may have been guessed"
    assert (await get(app, "192.0.2.8", SHORT)).status_code == 200
    store.clock.advance(1)
    assert (await get(app, token=SHORT)).status_code == 200


async def test_what_waits_is_counted_with_the_age_of_the_oldest(store: Store) -> None:
    app = api_of(store)
    empty = await scraped(app)
    for name in ("deliveries_waiting", "deliveries_waiting_oldest_age_seconds"):
        assert value(empty, name) == 0.0
    assert value(empty, "builds_open", builder="there", state="running") == 0.0
    await put(store, "a", "b", channel="team")
    await store.deliveries.put(delivery_of("x", store.clock()))
    store.clock.advance(5)
    await store.add_build("2", builder="there")
    await store.deliveries.put(delivery_of("y", store.clock()))
    await store.builds.claim("here", None, quiet)
    store.clock.advance(7)
    found = await scraped(app)
    for name, labels, count, age in (
        ("deliveries_waiting", {}, 2, 12),
        ("builds_open", {"builder": "here", "state": "triggering"}, 1, 12),
        ("builds_open", {"builder": "there", "state": "waiting"}, 1, 7),
        ("builds_open", {"builder": "here", "state": "waiting"}, 0, 0),
        ("notices_waiting", {"channel": "team"}, 2, 12),
        ("notices_waiting", {"channel": "message"}, 0, 0),
    ):
        assert value(found, name, **labels) == count, (name, labels)
        assert value(found, f"{name}_oldest_age_seconds", **labels) == age, (name, labels)


async def test_what_ended_does_not_wait_and_another_run_is_as_old_as_it_is(store: Store) -> None:
    app, build = api_of(store), await store.add_build()
    await store.builds.transition(build.run_id, BuildState.FAILED, quiet, ended_at=store.clock())
    ended = await scraped(app)
    assert {count for (name, _), count in ended.items() if name == "builds_open"} == {0.0}
    store.clock.advance(100)
    await store.builds.retry(build.id, change_by("ann"), "once more")
    store.clock.advance(3)
    again = await scraped(app)
    assert value(again, "builds_open_oldest_age_seconds", builder="here", state="waiting") == 3.0


async def test_each_source_says_when_it_last_sent_something(store: Store) -> None:
    await store.add_build()
    store.clock.advance(9)
    await store.deliveries.put(delivery_of("later", store.clock()))
    found = await scraped(api_of(store))
    name = "source_last_delivery_timestamp_seconds"
    assert value(found, name, source="plain") == START + 9
    assert value(found, name, source="quiet") == 0.0, "it never sent any"


async def test_what_is_down_is_one_until_it_is_up_again(store: Store) -> None:
    app = api_of(store)
    down = {
        "builder_down": {"builder": "here"},
        "channel_down": {"channel": "team"},
        "source_down": {"source": "plain"},
        "disk_low": {"builder": ""},
    }
    parts = ["builder:here", "channel:team", "source:plain", "disk"]
    for change, expected in ((store.health.degrade, 1.0), (store.health.restore, 0.0)):
        for part in parts:
            await change(part, "why")
        found = await scraped(app)
        # A label without a value is none for the parser.
        assert [value(found, name, **labels) for name, labels in down.items()] == [expected] * 4
        assert value(found, "builder_down", builder="there") == 0.0


@pytest.mark.sqlite
async def test_the_sizes_are_those_on_the_disk(store: Store) -> None:
    await store.add_build()
    found = await scraped(api_of(store))
    assert value(found, "store_bytes") == store.path.stat().st_size
    assert value(found, "store_wal_bytes") == store.path.with_name("bridge.db-wal").stat().st_size
    assert (value(found, "store_free_bytes") or 0) > 0


async def test_the_store_is_read_once_a_second_however_many_scrape(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "FRESH_SECONDS", 3600.0)
    app = api_of(store)
    assert value(await scraped(app), "deliveries_waiting") == 0.0
    await store.deliveries.put(delivery_of("x", store.clock()))
    assert value(await scraped(app), "deliveries_waiting") == 0.0
    monkeypatch.setattr(metrics, "FRESH_SECONDS", 0.0)
    assert value(await scraped(app), "deliveries_waiting") == 1.0


async def test_a_reading_that_takes_too_long_leaves_the_rest_of_the_scrape(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitoring, "READ_SECONDS", 0.05 if postgres() else -1.0)
    monkeypatch.setattr(sqlite, "_STEPS", 1)
    with locked(store.path, "delivery") if postgres() else nullcontext():
        found = await scraped(api_of(store))
    assert value(found, "deliveries_waiting") is None
    assert value(found, "store_down") == 0.0
    assert value(found, "deliveries_total", source="plain", outcome="stored") is not None
    monkeypatch.undo()
    for _ in range(READERS):
        assert await store.builds.in_state("here", BuildState.WAITING) == [], "later readings have their time"


async def test_a_store_that_takes_no_write_is_read_all_the_same(store: Store) -> None:
    async with failing(store):
        found = await scraped(api_of(store))
    assert value(found, "store_down") == 1.0
    assert value(found, "deliveries_waiting") == 0.0


def explain(connection: Connection, query: str, parameters: Mapping[str, str]) -> Sequence[Any]:
    return connection.execute(text(query), parameters).all()


@pytest.mark.sqlite
async def test_what_is_read_of_many_builds_is_found_by_indexes(store: Store) -> None:
    await fill(store, 200)
    named = {"name": "x", "state": "y"}
    plans = []
    for query in (monitoring.DELIVERIES, monitoring.BUILDS, monitoring.NOTICES, monitoring.LAST_DELIVERY):
        parameters = {name: value for name, value in named.items() if f":{name}" in query}
        explained = f"EXPLAIN QUERY PLAN {query}"
        rows = await store.database.read(partial(explain, query=explained, parameters=parameters))
        plans += [str(row[3]) for row in rows]
    reads = [plan for plan in plans if plan.startswith(("SEARCH", "SCAN")) and "CONSTANT ROW" not in plan]
    assert len([plan for plan in reads if "USING" in plan and "INDEX" in plan]) == 10 + 1
    assert not [plan for plan in plans if "TEMP B-TREE" in plan]
    assert {"build_open"} == {
        name for plan in reads if " build " in plan for name in plan.split() if "build_" in name
    }


async def test_series_are_there_from_the_start_and_go_with_their_name(store: Store) -> None:
    app = api_of(store)
    found = await scraped(app)
    for name, labels in (
        ("deliveries_total", {"source": "quiet", "outcome": "stored"}),
        ("deliveries_rejected_total", {"source": "unknown", "reason": "unknown"}),
        ("triggers_total", {"builder": "there", "outcome": "ambiguous"}),
        ("build_duration_seconds_count", {"builder": "there"}),
        ("notices_total", {"channel": "team", "outcome": "dead"}),
        ("notice_delay_seconds_count", {"channel": "message"}),
        ("notice_templates_failed_total", {"channel": "team"}),
        ("api_rejected_total", {"reason": "token"}),
        ("reloads_total", {"outcome": "failure"}),
    ):
        assert value(found, name, **labels) is not None, name
    registry.DELIVERIES.labels("plain", "stored").inc()
    kept = value(await scraped(app), "deliveries_total", source="plain", outcome="stored")
    registry.prepare(["plain", "new"], ["here"], ["message"])
    after = await scraped(app)
    gone = {("source", "quiet"), ("builder", "there"), ("channel", "team")}
    assert not [name for name, labels in after if labels & gone]
    assert value(after, "deliveries_total", source="new", outcome="stored") == 0.0
    assert value(after, "deliveries_total", source="plain", outcome="stored") == kept


async def test_labels_are_from_closed_lists_and_no_series_says_when_it_began(store: Store) -> None:
    found = await scraped(api_of(store))
    labels = {label for name, pairs in found for label, _ in pairs if name != "build_info"}
    assert labels <= {"source", "builder", "channel", "state", "outcome", "reason", "le"}
    assert not [name for name, _ in found if name.endswith("_created")]
    assert {"process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"} <= {
        name for name, _ in found
    }


async def test_nodes_of_one_name_are_one_series_whose_age_is_that_of_the_older_beat(
    postgres: Server, tmp_path: Path
) -> None:
    url = postgres.make_database()
    async with open_at(url, exclusive=True) as first, open_at(url, exclusive=True) as second:
        for number, one in enumerate((first, second)):
            await one.nodes.join(f"home {number}", "localhost:8088", ["dispatch", "upkeep"])
        await first.nodes.take(["dispatch"])
        postgres.execute(
            url.rpartition("/")[2], "UPDATE node SET beat_at = beat_at - 30 WHERE home = 'home 0'"
        )
        database = await anyio.to_thread.run_sync(partial(Postgres.open, url, exclusive=False))
        with database:
            found = await scraped(api_of(Store(database, Clock(), tmp_path)))
    age = value(found, "node_beat_age_seconds", node="localhost:8088")
    assert age is not None
    assert 30 <= age < 60
    assert value(found, "node_duties", node="localhost:8088") == 1
    assert value(found, "duties_free") == 1


@pytest.mark.sqlite
async def test_a_store_of_one_daemon_has_no_series_of_nodes(store: Store) -> None:
    await store.nodes.join("home", "localhost:8088", ["dispatch"])
    found = await scraped(api_of(store))
    assert [name for name, _ in found if name.startswith(("node_", "duties_"))] == []
