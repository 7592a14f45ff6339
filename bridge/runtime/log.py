"""Logs: one line per hand-over on stdout, JSON or pretty. Secrets are replaced wherever they stand."""

import asyncio
import json
import logging
import sys
from collections.abc import Collection
from typing import Any, Final, Literal, TextIO, cast

import orjson
import structlog
from structlog.typing import Processor

from bridge.runtime.redaction import Redactor

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
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer() if pretty else structlog.processors.JSONRenderer(serializer=_json)
    )
    redactor = Redactor(secrets)
    structlog.configure(
        processors=[*shared, renderer, redactor],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Output(sys.stdout))),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                renderer,
                redactor,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def _json(value: object, **_: Any) -> str:
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:
        # Half a surrogate pair is not UTF-8: text of a request must not lose us the line.
        return json.dumps(value, default=str, skipkeys=True)


class _Output:
    """A stream that flushes the lines of one turn of the loop together: each flush is a system call."""

    def __init__(self, stream: TextIO) -> None:
        self.write = stream.write
        self._stream = stream
        self._due = False

    def flush(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._stream.flush()
            return
        if not self._due:
            self._due = True
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._due = False
        self._stream.flush()
