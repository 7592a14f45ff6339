"""Traces: the way of a delivery to its last notice as the spans of one trace, where `tracing` asks for them.

No context is stored. The ids of a trace, and of the spans that others belong to, follow from the ids of the
delivery and of the runs of its builds: who takes a hand-over from the store goes on with the same trace, also
after a restart and on another node. What happens again, perhaps days later, has a trace of its own with a
link to the first: a repeat, a redelivery, another run of a build, a notice about several pushes.
"""

import atexit
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final, Literal, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from bridge.model.build import Build, BuildState, run_id_of
from bridge.model.delivery import Delivery
from bridge.model.notice import BuildFacts, DigestFacts, Notice, ServiceFacts
from bridge.runtime import log

Kind = Literal["server", "client", "producer", "internal"]
"""The kinds of spans, in the words of OpenTelemetry."""
Value = str | int
Outcome = tuple[str, str, bool]
"""How work went, in one word, why, and whether it failed."""

_RESULTS: Final = {
    BuildState.SUCCEEDED: "success",
    BuildState.FAILED: "failure",
    BuildState.CANCELLED: "cancellation",
    BuildState.SUPERSEDED: "skip",
    BuildState.UNKNOWN: "error",
}
"""The words of OpenTelemetry's `cicd.pipeline.result`."""


@dataclass(frozen=True, slots=True)
class SpanRef:
    """A span, by its id and that of its trace: 8 and 16 bytes, of which not all are zero."""

    trace: int
    span: int

    @property
    def fields(self) -> dict[str, str]:
        """What log lines have of it, in the spelling of W3C Trace Context."""
        return {"trace_id": f"{self.trace:032x}", "span_id": f"{self.span:016x}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSpan:
    """A span that begins; times are Unix seconds, and without `since` it begins now.

    Without `own`, its id is random; so is that of its trace, if it has no `parent` either.
    """

    name: str
    facts: Mapping[str, Value | None]
    kind: Kind = "internal"
    own: SpanRef | None = None
    parent: SpanRef | None = None
    links: Sequence[SpanRef] = ()
    since: float | None = None


class Span(Protocol):
    """A span that has begun; every text may come from outside, and leaves without secrets."""

    def outcome(self, word: str, why: str = "", failed: bool = False) -> None:
        """How the work went, in one word, and why."""

    def answered(self, status: int) -> None:
        """The status of HTTP that a server answered."""


class Tracer(Protocol):
    """What makes spans of what is reported here; it never waits, but to close."""

    def span(self, new: NewSpan) -> AbstractContextManager[Span]:
        """A span as long as the block, whose lines of log have its ids; an exception makes it fail."""

    def call(self, new: NewSpan) -> AbstractContextManager[Span]:
        """The same inside of another span; outside of one, such as in a poll, nothing."""

    def record(self, new: NewSpan, until: float | None, outcome: Outcome) -> None:
        """A span that is over already."""

    def close(self) -> None:
        """Send what is left, and end; blocking, for some seconds at most."""


class Settings(Protocol):
    """The configuration of traces; equal ones make the same tracer."""

    def tracer(self, redact: Callable[[str], str]) -> Tracer: ...


class _NoSpan:
    """Stands for every span while there are no traces."""

    def __enter__(self) -> Span:
        return self

    def __exit__(self, *error: object) -> None:
        return

    def outcome(self, word: str, why: str = "", failed: bool = False) -> None:
        """Nothing."""

    def answered(self, status: int) -> None:
        """Nothing."""


NO_SPAN: Final = _NoSpan()
_tracer: Tracer | None = None
_settings: Settings | None = None


def follow(settings: Settings | None, redact: Callable[[str], str]) -> None:
    """Make traces by these settings from now on, or none; as of metrics, there is one set for the process."""
    global _tracer, _settings  # noqa: PLW0603  # what is reported comes from everywhere
    if settings == _settings:
        return
    before, _settings = _tracer, settings
    _tracer = None if settings is None else settings.tracer(redact)
    if before is not None:
        threading.Thread(target=before.close, daemon=True).start()


@atexit.register
def _close() -> None:
    if _tracer is not None:
        _tracer.close()


def received(
    delivery_id: str, *, new: bool, source: str, event: str, since: float
) -> AbstractContextManager[object]:
    """A request was stored, or was a repeat of this delivery."""
    if _tracer is None:
        return NO_SPAN
    first, route = _of_delivery(delivery_id), f"/hooks/{source}"
    facts = {
        "http.request.method": "POST",
        "http.route": route,
        "http.response.status_code": 202 if new else 200,
        "buildbridge.delivery.id": delivery_id,
        "buildbridge.event": event,
    }
    own, links = (first, ()) if new else (None, (first,))
    named = f"POST {route}"
    return _tracer.span(NewSpan(name=named, kind="server", facts=facts, own=own, links=links, since=since))


def deciding(delivery: Delivery, *, sent: bool) -> AbstractContextManager[Span]:
    """It is decided what becomes of a delivery; the trace of one that no Git host has `sent` begins here."""
    if _tracer is None:
        return NO_SPAN
    facts = {"buildbridge.delivery.id": delivery.id, "buildbridge.source": delivery.source}
    links = [_of_delivery(delivery.repeats)] if delivery.repeats else []
    parent = _of_delivery(delivery.id) if sent and not links else None
    own = _of_decision(delivery.id)
    return _tracer.span(NewSpan(name="decide", facts=facts, own=own, parent=parent, links=links))


def asking(build: Build, call: str) -> AbstractContextManager[Span]:
    """A builder is asked to do something about a build: the `call` is its method."""
    if _tracer is None:
        return NO_SPAN
    facts = {**_facts(build), "buildbridge.attempt": build.attempts}
    return _tracer.span(NewSpan(name=call, facts=facts, parent=_of_build(build)))


def calling(method: str, url: str) -> AbstractContextManager[Span]:
    """A server is called by HTTP. Of the URL only the server is shown: the rest may hold secrets."""
    if _tracer is None:
        return NO_SPAN
    server = urlsplit(url)
    port = server.port or (443 if server.scheme == "https" else 80)
    facts = {"http.request.method": method, "server.address": server.hostname, "server.port": port}
    return _tracer.call(NewSpan(name=method, kind="client", facts=facts))


@contextmanager
def _bound(build: Build) -> Iterator[None]:
    with log.bound(**_of_build(build).fields):
        yield


def following(build: Build) -> AbstractContextManager[object]:
    """The lines of log within the block are about this build."""
    return NO_SPAN if _tracer is None else _bound(build)


def run_ended(build: Build) -> None:
    """A run of a build has ended. One that is `unknown` may be resolved: then its own span comes, too."""
    if _tracer is None:
        return
    state, delivery_id = build.state, build.origin.delivery_id
    facts = {
        **_facts(build),
        "cicd.pipeline.action.name": "BUILD",
        "cicd.pipeline.result": _RESULTS[state],
        "cicd.pipeline.run.url.full": build.url,
        "vcs.ref.head.name": build.origin.ref_name,
        "vcs.ref.head.type": build.origin.ref_kind,
        "vcs.ref.head.revision": build.request.commit or None,
    }
    new = NewSpan(name=f"BUILD {build.full_name}", kind="server", facts=facts, since=build.enqueued_at)
    if state is BuildState.UNKNOWN:
        new = replace(new, parent=_of_build(build))
    elif build.run == 1:
        new = replace(new, own=_of_build(build), parent=_of_decision(delivery_id))
    else:
        before = _of_run(build.id, build.run - 1, delivery_id)
        new = replace(new, own=_of_build(build), links=[before])
    failed = state in {BuildState.FAILED, BuildState.UNKNOWN}
    _tracer.record(new, build.ended_at, (state, build.detail, failed))


def sending(notice: Notice) -> AbstractContextManager[Span]:
    """A channel is given a notice."""
    if _tracer is None:
        return NO_SPAN
    runs = list(dict.fromkeys(_runs_of(notice.facts)))
    # One that is about several traces, or about none, has its own.
    parent = runs[0] if len({run.trace for run in runs}) == 1 else None
    own = None if parent else SpanRef(_trace_id(notice.id), _span_id("send", f"{notice.id} {notice.attempt}"))
    facts: dict[str, Value | None] = {
        "buildbridge.channel": notice.channel,
        "buildbridge.notice.id": notice.id,
        "buildbridge.event": notice.event,
        "buildbridge.attempt": notice.attempt,
    }
    links = [run for run in runs if run != parent]
    return _tracer.span(
        NewSpan(name="send", kind="producer", facts=facts, own=own, parent=parent, links=links)
    )


def _facts(build: Build) -> dict[str, Value | None]:
    return {
        "cicd.pipeline.name": build.full_name,
        "cicd.pipeline.run.id": build.run_id,
        "buildbridge.builder": build.builder,
        "buildbridge.build.number": build.number,
    }


def _runs_of(facts: BuildFacts | ServiceFacts | DigestFacts) -> Iterator[SpanRef]:
    match facts:
        case BuildFacts():
            yield _of_run(facts.build_id, facts.run, facts.delivery_id)
        case DigestFacts():
            for member in facts.members:
                yield from _runs_of(member.facts)


def _of_delivery(delivery_id: str) -> SpanRef:
    return SpanRef(_trace_id(delivery_id), _span_id("delivery", delivery_id))


def _of_decision(delivery_id: str) -> SpanRef:
    return SpanRef(_trace_id(delivery_id), _span_id("decision", delivery_id))


def _of_build(build: Build) -> SpanRef:
    return _of_run(build.id, build.run, build.origin.delivery_id)


def _of_run(build_id: str, run: int, delivery_id: str) -> SpanRef:
    """The span of a run. That the delivery is not known is so in notices of earlier releases."""
    run_id = run_id_of(build_id, run)
    return SpanRef(_trace_id(delivery_id if run == 1 and delivery_id else run_id), _span_id("run", run_id))


def _trace_id(own_id: str) -> int:
    """The bytes of a UUID, so that who has the id of a delivery has that of its trace; else a hash."""
    try:
        return UUID(own_id).int or 1
    except ValueError:
        return _hash(own_id, 16)


def _span_id(what: str, own_id: str) -> int:
    return _hash(f"{what} {own_id}", 8)


def _hash(text: str, size: int) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest()) or 1
