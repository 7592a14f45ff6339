"""Traces sent to a collector by OpenTelemetry's SDK, which is imported with this module.

A batch leaves every two seconds, by a thread of its own; what finds the queue full is dropped.

Source: OpenTelemetry Specification, "OTLP Specification" (https://opentelemetry.io/docs/specs/otlp/).
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from secrets import randbits
from typing import Any, Final

import requests
import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from bridge import __version__
from bridge.runtime import log as lines
from bridge.runtime.events import LogEvent
from bridge.runtime.tls import causes, tls_fault
from bridge.runtime.tracing import NO_SPAN, NewSpan, Outcome, Span, SpanRef, Value

log = structlog.get_logger()

CLOSE_SECONDS: Final = 3.0
"""How long what is left may take to be sent when the daemon ends."""
EXPORT_SECONDS: Final = 10.0
"""How long a batch may take, with its repeats."""
BATCH_SECONDS: Final = 2.0
BATCH: Final = 512
QUEUE: Final = 2048
_MAX_TEXT: Final = 1000
_FAILING: Final = 400
_RANDOM_BITS: Final = 32
"""The last bits of a trace id, which are random also where it is a UUID with a time and a counter in it."""
_KINDS: Final = {
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
    "producer": trace.SpanKind.PRODUCER,
    "internal": trace.SpanKind.INTERNAL,
}
_begins: ContextVar[SpanRef] = ContextVar("_begins")
"""The ids of the span that begins now."""


class OtlpTracer:
    """Makes spans, and sends them to `endpoint`, the URL that takes traces; `redact` cleans their texts.

    Of all traces the `ratio` is sampled, each as a whole: by its id, so that every node decides alike.
    """

    def __init__(  # noqa: PLR0917  # the settings
        self,
        endpoint: str,
        headers: Mapping[str, str],
        ratio: float,
        service: str,
        ca_file: Path | None,
        redact: Callable[[str], str],
    ) -> None:
        # Outages have one line of ours; the library has many.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL + 1)
        self._redact = redact
        self._exporter = OTLPSpanExporter(
            endpoint,
            str(ca_file) if ca_file else None,
            headers=headers,
            timeout=EXPORT_SECONDS,
            session=_Session(),
        )
        host = {"service.name": service, "service.version": __version__, "host.name": socket.gethostname()}
        self._threshold = round((1 - ratio) * (1 << _RANDOM_BITS))
        self._provider = TracerProvider(
            ALWAYS_ON,
            Resource.create(host),
            shutdown_on_exit=False,
            id_generator=_Ids(),
            span_limits=SpanLimits(max_span_attribute_length=_MAX_TEXT),
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(self._exporter, QUEUE, BATCH_SECONDS * 1000, BATCH, EXPORT_SECONDS * 1000)
        )
        self._tracer = self._provider.get_tracer("buildbridge", __version__)

    def close(self) -> None:
        """Send what is left, and end; blocking, for a bounded time whatever the collector does."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS)
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the library's omission

    @contextmanager
    def span(self, new: NewSpan) -> Iterator[Span]:
        with self._running(new) as span, lines.bound(**_ref(span).fields):
            yield _Span(span, self._redact)

    @contextmanager
    def call(self, new: NewSpan) -> Iterator[Span]:
        around = trace.get_current_span()
        if not around.is_recording():
            yield NO_SPAN
            return
        with self._running(replace(new, parent=_ref(around))) as span:
            yield _Span(span, self._redact)

    def record(self, new: NewSpan, until: float | None, outcome: Outcome) -> None:
        span = self._begun(new)
        _Span(span, self._redact).outcome(*outcome)
        # What the builder says of it is by another clock.
        span.end(_nanoseconds(max(time.time() if until is None else until, new.since or 0.0)))

    @contextmanager
    def _running(self, new: NewSpan) -> Iterator[trace.Span]:
        span = self._begun(new)
        with trace.use_span(span, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except BaseException as error:
                # Its text may hold anything.
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(trace.StatusCode.ERROR)
                raise
            finally:
                span.end()

    def _begun(self, new: NewSpan) -> trace.Span:
        ref = new.own or SpanRef(new.parent.trace if new.parent else randbits(128) or 1, randbits(64) or 1)
        if ref.trace % (1 << _RANDOM_BITS) < self._threshold:
            return trace.NonRecordingSpan(_context(ref))
        # Never a child of the span around it, which may be of another piece of work.
        around = Context()
        if new.parent is not None:
            around = trace.set_span_in_context(trace.NonRecordingSpan(_context(new.parent)), around)
        facts = {name: self._clean(value) for name, value in new.facts.items() if value is not None}
        links = [trace.Link(_context(link)) for link in new.links]
        since = None if new.since is None else _nanoseconds(new.since)
        token = _begins.set(ref)
        try:
            return self._tracer.start_span(new.name, around, _KINDS[new.kind], facts, links, since)
        finally:
            _begins.reset(token)

    def _clean(self, value: Value) -> Value:
        return self._redact(value) if isinstance(value, str) else value


class _Span:
    """What a piece of work says of itself, as attributes."""

    def __init__(self, span: trace.Span, redact: Callable[[str], str]) -> None:
        self._span = span
        self._redact = redact

    def outcome(self, word: str, why: str = "", failed: bool = False) -> None:
        why = self._redact(why)
        self._span.set_attribute("buildbridge.outcome", word)
        if why:
            self._span.set_attribute("buildbridge.reason", why)
        if failed:
            self._span.set_attribute("error.type", word)
            self._span.set_status(trace.StatusCode.ERROR, why[:_MAX_TEXT] or None)

    def answered(self, status: int) -> None:
        self._span.set_attribute("http.response.status_code", status)
        if status >= _FAILING:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(trace.StatusCode.ERROR)


class _Ids(IdGenerator):
    """Gives the span that begins the ids that it is to have."""

    def generate_trace_id(self) -> int:
        return _begins.get().trace

    def generate_span_id(self) -> int:
        return _begins.get().span


class _Session(requests.Session):
    """Sends for the exporter, which repeats and only logs how it went: this says so once for each outage.

    Of an answer only the head is read, so that its size does not matter; nothing of the environment counts.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self._failing = False

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        try:
            # A redirect would take the headers along, which are secrets.
            answer = super().send(request, **options | {"stream": True, "allow_redirects": False})
        except OSError as error:  # that of the library is one
            self._failed(_why(error))
            raise
        answer.close()
        # A redirect is no success, as the library takes it for.
        if answer.ok and not answer.is_redirect:
            self._worked()
        else:
            self._failed(f"the collector answered {answer.status_code}")
        return answer

    def _failed(self, why: str) -> None:
        if not self._failing:
            log.warning(LogEvent.TRACES_FAILED, error=why)
        self._failing = True

    def _worked(self) -> None:
        if self._failing:
            log.info(LogEvent.TRACES_RESTORED)
        self._failing = False


def _why(error: OSError) -> str:
    """Why there was no answer; the text of the error is long, and the library's own."""
    without_tls = "write http:// in `tracing.endpoint`"
    if fault := tls_fault(error, "the collector", without_tls=without_tls, trust="set tracing.ca_file to"):
        return fault
    if isinstance(error, requests.Timeout):
        return "the collector did not answer in time"
    words = [cause.strerror for cause in causes(error) if isinstance(cause, OSError) and cause.strerror]
    return f"the collector cannot be reached: {words[0] if words else type(error).__name__}"


def _ref(span: trace.Span) -> SpanRef:
    context = span.get_span_context()
    return SpanRef(context.trace_id, context.span_id)


def _context(ref: SpanRef) -> trace.SpanContext:
    sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    return trace.SpanContext(ref.trace, ref.span, is_remote=False, trace_flags=sampled)


def _nanoseconds(seconds: float) -> int:
    return int(seconds * 1e9)
