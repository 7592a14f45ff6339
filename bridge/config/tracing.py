"""The section `tracing` of `bridge.yaml`."""

from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated, Final, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from bridge.config.types import ConfigPath, Secret, SecretContext, Shape, Strict, server_url, wrong

if TYPE_CHECKING:
    from bridge.runtime.otlp import OtlpTracer

_PATH: Final = "/v1/traces"
_LIBRARY: Final = "opentelemetry.exporter.otlp.proto.http"
_CURE: Final = (
    "needs OpenTelemetry, which is not installed here: `pip install 'buildbridge[tracing]'`, or leave it out"
)


def _endpoint(value: str) -> str:
    url = server_url(value, "endpoint", "http://127.0.0.1:4318")
    if url.endswith(_PATH):
        raise wrong("endpoint", f"ends with {_PATH}, which is added by itself: leave that out")
    return url


def _header(value: Secret, info: ValidationInfo) -> Secret:
    unread = isinstance(info.context, SecretContext) and info.context.unread
    text = value.reveal()
    if not unread and not (text.isascii() and text.isprintable() and text == text.strip()):
        raise wrong("header", "the value of a header is one line of ASCII, without spaces around it")
    return value


HeaderName = Annotated[
    str,
    Field(max_length=100),
    Shape(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", "its name has only letters, digits and '-'"),
]


class TracingSettings(Strict):
    """Traces of each delivery to its last notice, for an OpenTelemetry collector, by OTLP over HTTP."""

    endpoint: Annotated[str, Field(max_length=500), AfterValidator(_endpoint)]
    """The address of the collector, such as http://127.0.0.1:4318; traces go to /v1/traces below it."""
    headers: Annotated[
        dict[HeaderName, Annotated[Secret, AfterValidator(_header)]],
        Field(max_length=16, default_factory=dict),
    ]
    """What each request carries, such as Authorization or the API key of a service."""
    sampling_ratio: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of all traces that is sent, such as 0.1; each is sent as a whole or not at all."""
    service_name: Annotated[str, Field(min_length=1, max_length=255)] = "buildbridge"
    """What the traces call this service."""
    ca_file: ConfigPath | None = None
    """A PEM file with the authorities of the collector's certificate, in place of the public ones."""

    @model_validator(mode="after")
    def _is_installed(self) -> Self:
        with suppress(ModuleNotFoundError):  # of a package around it
            if find_spec(_LIBRARY):
                return self
        raise wrong("tracing", _CURE)

    def tracer(self, redact: Callable[[str], str]) -> "OtlpTracer":
        """What sends the traces; `redact` takes the secrets out of their texts."""
        from bridge.runtime.otlp import OtlpTracer  # noqa: PLC0415  # 7 MiB, for those who have traces only

        headers = {name: value.reveal() for name, value in self.headers.items()}
        endpoint, service = self.endpoint + _PATH, self.service_name
        return OtlpTracer(endpoint, headers, self.sampling_ratio, service, self.ca_file, redact)
