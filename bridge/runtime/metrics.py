"""What `/metrics` counts and measures; one registry for the process.

Labels are names of the configuration and words of closed lists, never what a push brings: so the series are
bounded. Each exists from the start, since the first increase of a counter that appears with it is not seen.
"""

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import product
from platform import python_version
from typing import Final

from bridge import __version__
from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState, id_time
from bridge.runtime import memory, tracing

with memory.emptied("http.server", "socketserver", "wsgiref.simple_server"):  # for servers of its own
    import prometheus_client
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
    from prometheus_client.metrics import MetricWrapperBase

# The time at which each series began doubles them, and Prometheus does not use it.
prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's omission

REGISTRY = CollectorRegistry()
UNKNOWN: Final = "unknown"
"""The label of a source or builder that is not configured."""

DELIVERY_OUTCOMES: Final = ("stored", "repeated", "rejected", "failed")
REJECTIONS: Final = (
    *("address", "malformed", "method", "rate", "room", "signature", "size", "type", "unsigned"),
    UNKNOWN,
)
"""Why deliveries are rejected: the `reason` of each DeliveryError."""
CALLER_REJECTIONS: Final = ("expired", "metrics", "rate", "signature", "token")
MISSED_OUTCOMES: Final = ("named", "built", "asked")
TRIGGER_OUTCOMES: Final = ("sent", "rejected", "retry", "ambiguous")
NOTICE_OUTCOMES: Final = ("ok", "retry", "unknown", "ratelimited", "dead", "suppressed")
_ENDS: Final = tuple(state.value for state in BuildState if state.terminal)
_DECISIONS: Final = tuple(state.value for state in DeliveryState if state is not DeliveryState.STORED)

_ANSWER: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 8.0)
"""A Git host waits some seconds for an answer; the store gives up after eight."""
_CALL: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""A call of a builder may take a minute."""
_DELAY: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)
_BUILD: Final = (5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 21600.0)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"buildbridge_{name}", text, labels, registry=REGISTRY)


def _seconds(name: str, text: str, buckets: Iterable[float], *labels: str) -> Histogram:
    return Histogram(f"buildbridge_{name}_seconds", text, labels, buckets=tuple(buckets), registry=REGISTRY)


def _gauge(name: str, text: str) -> Gauge:
    return Gauge(f"buildbridge_{name}", text, registry=REGISTRY)


DELIVERIES = _counter("deliveries", "Requests to /hooks by source and outcome.", "source", "outcome")
REJECTED = _counter("deliveries_rejected", "Rejected requests to /hooks by reason.", "source", "reason")
ANSWER_SECONDS = _seconds("delivery_answer", "From the head of a delivery to its answer.", _ANSWER)
DISPATCHED = _counter("dispatched", "Deliveries by what became of them.", "state")
MISSED = _counter(
    "missed_pushes", "Pushes that no webhook reported, by what became of them.", "source", "outcome"
)
LOOKS = _counter("looks", "Looks at the refs of code at Git hosts by outcome.", "source", "outcome")
HINTS = _counter("hints", "Hints of build servers by outcome.", "builder", "outcome")
TRIGGERS = _counter("triggers", "Attempts to trigger a build by outcome.", "builder", "outcome")
TRIGGER_SECONDS = _seconds(
    "delivery_to_trigger", "From a delivery until the builder has its build.", _DELAY, "builder"
)
BUILDS = _counter("builds", "Ended runs of builds by state.", "builder", "state")
QUEUE_SECONDS = _seconds("build_queue", "In the queue of the builder, of ended builds.", _BUILD, "builder")
BUILD_SECONDS = _seconds("build_duration", "From start to end, of ended builds.", _BUILD, "builder")
POLLS = _counter("polls", "Polls of builders by outcome.", "builder", "outcome")
POLL_SECONDS = _seconds("poll", "How long a poll of a builder took.", _CALL, "builder")
NOTICES = _counter("notices", "Attempts to send a notice by outcome.", "channel", "outcome")
NOTICE_SECONDS = _seconds("notice_delay", "From an event until its notice was sent.", _DELAY, "channel")
TEMPLATES_FAILED = _counter(
    "notice_templates_failed", "Attempts in the usual words, since the template failed.", "channel"
)
CALLERS_REJECTED = _counter("api_rejected", "Rejected proofs of who calls by reason.", "reason")
STREAMS = _gauge("streams_open", "Streams of events that are open.")
RELOADS = _counter("reloads", "Reloads by outcome.", "outcome")
RELOAD_SECONDS = _seconds("reload", "How long a reload took.", _CALL)
RELOAD_SUCCESSFUL = _gauge("last_reload_successful", "1 when the last reload took effect, else 0.")
RELOADED_AT = _gauge(
    "last_reload_success_timestamp_seconds", "When the rules in force were loaded, in Unix seconds."
)
WRITE_SECONDS = _seconds("store_write", "How long a commit of the store took.", _ANSWER)
LOOP_LAG_SECONDS = _seconds("loop_lag", "How late the event loop ran what was due.", _ANSWER)
_INFO = Info("buildbridge_build", "The version that runs.", registry=REGISTRY)
_INFO.info({"version": __version__, "python": python_version()})


class _OwnProcess(ProcessCollector):
    """Without /proc/stat, which `ProcSubset=pid` of systemd takes away, the library shows nothing at all."""

    def _boot_time(self) -> float:
        return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


_OwnProcess(registry=REGISTRY)


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the configuration in force that have series."""

    sources: tuple[str, ...] = ()
    builders: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


_LISTS: Final[tuple[tuple[MetricWrapperBase, tuple[str, ...]], ...]] = (
    (DISPATCHED, _DECISIONS),
    (CALLERS_REJECTED, CALLER_REJECTIONS),
    (RELOADS, ("success", "failure")),
)
_OF_SOURCES: Final[tuple[tuple[MetricWrapperBase, tuple[str, ...]], ...]] = (
    (DELIVERIES, DELIVERY_OUTCOMES),
    (REJECTED, REJECTIONS),
    (MISSED, MISSED_OUTCOMES),
    (LOOKS, ("answered", "failed")),
)
_OF_BUILDERS: Final[tuple[tuple[MetricWrapperBase, tuple[str, ...]], ...]] = (
    (HINTS, ("accepted", "rejected")),
    (TRIGGERS, TRIGGER_OUTCOMES),
    (BUILDS, _ENDS),
    (POLLS, ("answered", "failed")),
    *((metric, ()) for metric in (TRIGGER_SECONDS, QUEUE_SECONDS, BUILD_SECONDS, POLL_SECONDS)),
)
_OF_CHANNELS: Final[tuple[tuple[MetricWrapperBase, tuple[str, ...]], ...]] = (
    (NOTICES, NOTICE_OUTCOMES),
    (NOTICE_SECONDS, ()),
    (TEMPLATES_FAILED, ()),
)
_names = Names()


def names() -> Names:
    """The names that `prepare` was last given."""
    return _names


def prepare(sources: Collection[str], builders: Collection[str], channels: Collection[str]) -> None:
    """Have the series of these names, and no longer those of names that were given before.

    To be called at the start, and after each reload of the configuration, once nothing works any more with
    the names that are gone: what still counts would bring their series back.
    """
    global _names  # the registry is one for the process, too
    before, _names = _names, Names(tuple(sources), tuple(builders), tuple(channels))
    for metric, words in _LISTS:
        for word in words:
            metric.labels(word)
    HINTS.labels(UNKNOWN, "rejected")
    for metrics, old, new in (
        (_OF_SOURCES, before.sources, (*_names.sources, UNKNOWN)),
        (_OF_BUILDERS, before.builders, _names.builders),
        (_OF_CHANNELS, before.channels, _names.channels),
    ):
        for metric, words in metrics:
            further = [words] if words else []
            for name in set(old) - set(new):
                for values in product([name], *further):
                    metric.remove(*values)
            for values in product(new, *further):
                metric.labels(*values)


def count_triggered(build: Build, now: float) -> None:
    """The builder has the build. Of another run nothing says when it was asked for."""
    asked_at = id_time(build.origin.delivery_id) if build.run == 1 else None
    if asked_at is not None:
        TRIGGER_SECONDS.labels(build.builder).observe(max(0.0, now - asked_at))


def count_ended(build: Build) -> None:
    """A run of a build has ended, however it did: it is counted, and its trace has it."""
    tracing.run_ended(build)
    BUILDS.labels(build.builder, build.state).inc()
    if build.started_at is None:
        return
    # The times are those of the builder where it has some: its clock may differ.
    if build.triggered_at is not None:
        QUEUE_SECONDS.labels(build.builder).observe(max(0.0, build.started_at - build.triggered_at))
    if build.ended_at is not None:
        BUILD_SECONDS.labels(build.builder).observe(max(0.0, build.ended_at - build.started_at))


def count_reload(now: float, seconds: float, *, successful: bool) -> None:
    """A reload has taken effect, or changed nothing, after so many seconds; `now` is in Unix seconds."""
    RELOADS.labels("success" if successful else "failure").inc()
    RELOAD_SECONDS.observe(max(0.0, seconds))
    RELOAD_SUCCESSFUL.set(0)
    if successful:
        in_force(now)


def in_force(now: float) -> None:
    """What was loaded just now, at the start or by a reload, is in force."""
    RELOAD_SUCCESSFUL.set(1)
    RELOADED_AT.set(now)
