"""A collector of traces on loopback, which takes what OTLP over HTTP says and nothing else."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from support.fake_http import FakeServer, Reply, served

PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True, slots=True)
class TakenSpan:
    """A span as it came; ids are in hexadecimal, times in seconds, `links` are ids of traces and spans."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    kind: int
    attributes: Mapping[str, Any]
    links: tuple[tuple[str, str], ...]
    failed: bool
    start: float
    end: float
    resource: Mapping[str, Any]


class FakeCollector(FakeServer):
    """Keeps the spans that it took. Requests need the `headers`, whose names are lower case."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        super().__init__()
        self._headers = headers
        self._spans: list[TakenSpan] = []

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        if target != "/v1/traces":
            return Reply(404)
        if method != "POST":
            return Reply(405)
        if any(headers.get(name) != value for name, value in self._headers.items()):
            return Reply(401)
        if headers.get("content-type") != PROTOBUF:
            return Reply(415)
        try:
            request = ExportTraceServiceRequest.FromString(body)
        except DecodeError:
            return Reply(400)
        with self.lock:
            self._spans += _spans(request)
        return Reply(200, {"Content-Type": PROTOBUF}, ExportTraceServiceResponse().SerializeToString())

    def spans(self, name: str = "", **attributes: Any) -> list[TakenSpan]:
        """Those with a name that begins so and these attributes, whose dots are written `__`."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        with self.lock:
            return [
                span
                for span in self._spans
                if span.name.startswith(name) and wanted.items() <= span.attributes.items()
            ]


def _spans(request: ExportTraceServiceRequest) -> Iterator[TakenSpan]:
    for of_resource in request.resource_spans:
        resource = _attributes(of_resource.resource.attributes)
        for span in (span for scope in of_resource.scope_spans for span in scope.spans):
            assert len(span.trace_id) == 16
            assert len(span.span_id) == 8
            assert any(span.trace_id)
            assert any(span.span_id)
            yield TakenSpan(
                name=span.name,
                trace_id=span.trace_id.hex(),
                span_id=span.span_id.hex(),
                parent_id=span.parent_span_id.hex(),
                kind=span.kind,
                attributes=_attributes(span.attributes),
                links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                failed=span.status.code == span.status.STATUS_CODE_ERROR,
                start=span.start_time_unix_nano / 1e9,
                end=span.end_time_unix_nano / 1e9,
                resource=resource,
            )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@contextmanager
def collector(**headers: str) -> Iterator[FakeCollector]:
    """A running collector that asks for these headers; its `url` is what `tracing.endpoint` is to be."""
    with served(FakeCollector(headers)) as fake:
        fake.url = fake.url.rstrip("/")
        yield fake
