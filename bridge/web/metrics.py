"""`/metrics`: what the daemon counts, and what waits in its store, in the text format of Prometheus."""

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import anyio
import structlog
from anyio import to_thread
from prometheus_client import Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from bridge.config.settings import Settings
from bridge.errors import StoreError
from bridge.model.node import Roll
from bridge.runtime.clock import Clock
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import CALLERS_REJECTED, REGISTRY, Names, names
from bridge.store.base import Store
from bridge.store.monitoring import Backlog, Queue
from bridge.store.values import HealthRecord
from bridge.web.clients import Client, Clients
from bridge.web.limits import AttemptLimits

FRESH_SECONDS: Final = 1.0
"""However often it is scraped, the store is read only once in this time."""
PATIENCE_SECONDS: Final = 3.0
"""How long a scrape waits for its turn to read the store."""
MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_FORWARDED: Final = ("x-forwarded-for", "forwarded", "x-real-ip", "via")
"""A request with one of them was sent by a proxy on this machine, for a client elsewhere."""
_NOT_LOCAL: Final = (
    "metrics are for clients on this machine only: set `metrics.tokens` in bridge.yaml, and send one of them "
    "as `Authorization: Bearer`"
)
_WRONG_TOKEN: Final = "the token is not one of `metrics.tokens`: send one of them as `Authorization: Bearer`"  # noqa: S105

log = structlog.get_logger()

_StoreFault = Callable[[], Awaitable[StoreError | None]]


class StoreCollector:
    """What the store says at the time of a scrape: what waits and since when, and what is down.

    Series of the store are missing while it cannot be read: old ones would pass for new.
    """

    def __init__(self, store: Store, clock: Clock, fault: _StoreFault) -> None:
        self._store = store
        self._clock = clock
        self._fault = fault
        self._reading = anyio.Lock()
        self._read_at: float | None = None
        self._families: Sequence[Metric] = ()

    async def families(self) -> Sequence[Metric]:
        """The metrics as they are now, or were a second ago."""
        async with self._reading:
            now = anyio.current_time()
            if self._read_at is None or now - self._read_at >= FRESH_SECONDS:
                self._families = await self._read()
                self._read_at = now
            return self._families

    async def _read(self) -> Sequence[Metric]:
        down = _gauge("store_down", "1 while the store takes no write, else 0.")
        down.add_metric([], await self._fault() is not None)
        asked = names()
        try:
            with anyio.fail_after(PATIENCE_SECONDS):
                health = await self._store.health.all()
                backlog = await self._store.monitoring.backlog(asked.sources, asked.builders, asked.channels)
                roll = await self._store.nodes.roll()
        except (StoreError, TimeoutError):
            return [down]
        shared = _nodes(roll) if self._store.nodes.is_shared else ()
        return [down, *_health(health, asked), *_backlog(backlog, self._clock()), *_room(backlog), *shared]


def _gauge(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"buildbridge_{name}", text, labels=labels)


def _health(records: Iterable[HealthRecord], asked: Names) -> Iterator[Metric]:
    down = {record.name for record in records if record.down_since is not None}
    for part, of in (("builder", asked.builders), ("channel", asked.channels), ("source", asked.sources)):
        family = _gauge(f"{part}_down", f"1 while the {part} is down, else 0.", part)
        for name in of:
            family.add_metric([name], f"{part}:{name}" in down)
        yield family
    disk = _gauge(
        "disk_low", "1 while a disk is too full for builds, without a builder the store's.", "builder"
    )
    disk.add_metric([""], "disk" in down)
    for name in asked.builders:
        disk.add_metric([name], f"disk:{name}" in down)
    yield disk


def _backlog(backlog: Backlog, now: float) -> Iterator[Metric]:
    yield from _queues(
        "deliveries_waiting", "Deliveries that wait for a decision.", {(): backlog.deliveries}, now
    )
    builds = {(name, state.value): queue for (name, state), queue in backlog.builds.items()}
    yield from _queues("builds_open", "Builds that have not ended.", builds, now, "builder", "state")
    notices = {(name,): queue for name, queue in backlog.notices.items()}
    yield from _queues("notices_waiting", "Notices that are still to be sent.", notices, now, "channel")
    last = _gauge(
        "source_last_delivery_timestamp_seconds",
        "When it last sent one, in Unix seconds; 0: never.",
        "source",
    )
    for name, at in backlog.last_deliveries.items():
        last.add_metric([name], at or 0.0)
    yield last


def _queues(name: str, text: str, queues: Mapping[Any, Queue], now: float, *labels: str) -> Iterator[Metric]:
    count = _gauge(name, text, *labels)
    age = _gauge(f"{name}_oldest_age_seconds", "The age of the oldest of them; 0: there is none.", *labels)
    for values, queue in queues.items():  # a value for each label
        count.add_metric(values, queue.count)
        age.add_metric(values, 0.0 if queue.since is None else max(0.0, now - queue.since))
    yield from (count, age)


def _room(backlog: Backlog) -> Iterator[Metric]:
    for name, text, value in (
        ("store_bytes", "The size of the store.", backlog.store_bytes),
        ("store_wal_bytes", "The size of the write-ahead log of a store that is a file.", backlog.wal_bytes),
        ("store_free_bytes", "What is free on the disk of a store that is a file.", backlog.free_bytes),
    ):
        if value is not None:
            family = _gauge(name, text)
            family.add_metric([], value)
            yield family


def _nodes(roll: Roll) -> Iterator[Metric]:
    age = _gauge("node_beat_age_seconds", "How long ago the node said that it is there.", "node")
    duties = _gauge("node_duties", "What the node does for all of them.", "node")
    ages: dict[str, float] = {}
    counts: Counter[str] = Counter()
    for node in roll.nodes:  # two machines may have one name, and a series can only be there once
        ages[node.name] = max(0.0, roll.age(node), ages.get(node.name, 0.0))
        counts[node.name] += len(roll.duties_of(node))
    for name, seconds in ages.items():
        age.add_metric([name], seconds)
        duties.add_metric([name], counts[name])
    free = _gauge("duties_free", "What no node does, although one that is there could.")
    free.add_metric([], len(roll.free()))
    yield from (age, duties, free)


class _Scrape(Collector):
    """The counters of the process, and what was read of the store for this scrape."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        yield from REGISTRY.collect()
        yield from self._families


class MetricsView:
    """The view behind `/metrics`: for who sends one of `metrics.tokens`, or without any for this machine."""

    def __init__(self, collector: StoreCollector, settings: Settings, clock: Clock) -> None:
        self._collector = collector
        self._clock = clock
        self._limits = AttemptLimits(clock())
        self.use(settings)

    def use(self, settings: Settings) -> None:
        """Ask for these tokens from now on."""
        self._tokens = [token.reveal().encode() for token in settings.metrics.tokens]
        self._clients = Clients(settings.server.trusted_proxies)

    async def show(self, request: Request) -> Response:
        """Raises HTTPException for who may not read them."""
        self._check(request)
        scrape = _Scrape(await self._collector.families())
        # Of many sources and builders this takes longer than a delivery may wait.
        text = await to_thread.run_sync(generate_latest, scrape)
        return Response(text, media_type=MEDIA_TYPE)

    def _check(self, request: Request) -> None:
        client = self._clients.of(request.scope)
        if not self._tokens:
            local = client.address is not None and client.address.is_loopback
            if not local or any(name in request.headers for name in _FORWARDED):
                CALLERS_REJECTED.labels("metrics").inc()
                raise HTTPException(403, _NOT_LOCAL)
            return
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        given = token.strip().encode("latin-1") if scheme.lower() == "bearer" else b""
        if not self._limits.is_one_of(given, self._tokens, client.client_key, self._clock()):
            self._reject(client)

    def _reject(self, client: Client) -> None:
        CALLERS_REJECTED.labels("metrics").inc()
        now = self._clock()
        error = HTTPException(401, _WRONG_TOKEN, {"www-authenticate": "Bearer"})
        if wait := self._limits.reject(client.client_key, now):
            why = f"{_WRONG_TOKEN}; and too many wrong tokens came from this address"
            error = HTTPException(429, why, {"retry-after": str(math.ceil(wait))})
        if (suppressed := self._limits.suppressed(client.client_key, now)) is not None:
            fields = {"suppressed": suppressed} if suppressed else {}
            log.warning(
                LogEvent.API_TOKEN_REJECTED,
                status=error.status_code,
                reason=_WRONG_TOKEN,
                client=client.client_key if client.address is None else str(client.address),
                **fields,
            )
        raise error
