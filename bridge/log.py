"""Logs: one line per hand-over on stdout, JSON or pretty, with the secrets removed by value."""

import logging
import sys
from collections.abc import Collection
from typing import Any, Final, Literal
from urllib.parse import quote, quote_plus

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MASK: Final = "***"
SHORTEST: Final = 4
"""Shorter secrets would blot out ordinary words."""
_QUIET: Final = (
    "uvicorn.error",
    "httpx",
    "httpcore",
    "apscheduler",
    "uvicorn.access",
    "asyncio",
    "urllib3",
    "alembic",
)


class Redactor:
    """Takes known secrets out of texts, wherever they stand, also percent-encoded in a URL."""

    def __init__(self, secrets: Collection[str]) -> None:
        # The longest first: a secret may hold another one.
        long_enough = {secret for secret in secrets if len(secret) >= SHORTEST}
        encoded = {
            quoted for secret in long_enough for quoted in (quote(secret, safe=""), quote_plus(secret))
        }
        self._secrets = sorted(long_enough | encoded, key=len, reverse=True)

    def text(self, value: str) -> str:
        value = value.encode("utf-8", "backslashreplace").decode()
        for secret in self._secrets:
            if secret in value:
                value = value.replace(secret, MASK)
        return value

    def value(self, value: Any) -> Any:
        match value:
            case None | bool() | int() | float():
                return value
            case dict():
                return {self.text(str(key)): self.value(item) for key, item in value.items()}
            case list() | tuple():
                return [self.value(item) for item in value]
            case _:
                return self.text(str(value))

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: self.value(item) for key, item in event.items()}


def configure(
    secrets: Collection[str], *, style: Literal["auto", "json", "pretty"] = "auto", level: str = "INFO"
) -> None:
    """Set up structlog and the standard library's loggers, once, at the composition root."""
    pretty = style == "pretty" or (style == "auto" and sys.stdout.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        Redactor(secrets),
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(serializer=_json)
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                Redactor(secrets),
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _json(value: object, **_: Any) -> str:
    return orjson.dumps(value, default=str).decode()
