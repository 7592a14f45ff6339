"""Logs: one line per hand-over on stdout, JSON or pretty. Secrets are replaced wherever they stand."""

import asyncio
import atexit
import json
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TextIO

import orjson
import structlog
from structlog.typing import EventDict

from bridge.runtime.redaction import Redactor

_QUIET: Final = (
    "uvicorn.error",
    "httpx",
    "httpcore",
    "apscheduler",
    "uvicorn.access",
    "asyncio",
    "alembic",
)
Renderer = Callable[[EventDict], str]


Style = Literal["auto", "json", "pretty"]


def configure(
    secrets: Collection[str], *, style: Style = "auto", level: str = "INFO", stream: TextIO | None = None
) -> "Lines":
    """Set up structlog and the standard library's loggers, once, at the composition root.

    `stream` is stdout, if left out.
    """
    lines = Lines(stream or sys.stdout, Redactor(secrets))
    lines.set(style=style, level=level)
    atexit.register(lines.flush)
    structlog.configure(
        wrapper_class=_Logger, logger_factory=lambda *_: lines, cache_logger_on_first_use=True
    )
    logging.getLogger().handlers[:] = [_Handler(lines)]
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    silence_urllib3()
    return lines


def silence_urllib3() -> None:
    """Its lines hold URLs, also a warning, such as that of a strange header, and an error."""
    logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)


# structlog's own looks through all variables of a context, for each line.
_bound: ContextVar[Mapping[str, str]] = ContextVar("_bound", default=MappingProxyType({}))


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """Every line of the work within the block has these fields, also in tasks and threads that it begins."""
    token = _bound.set(fields)
    try:
        yield
    finally:
        _bound.reset(token)


_LEVELS: Final = {name.lower(): level for name, level in logging.getLevelNamesMapping().items()}
_Filtering: Any = structlog.make_filtering_bound_logger(logging.NOTSET)


class _Logger(_Filtering):  # type: ignore[misc]
    """A logger without structlog's processors: to pass them costs an event more than all of its line."""

    def _proxy_to_logger(self, method_name: str, event: str, **fields: Any) -> None:
        # Not by the class: loggers are made once, and the level may change after that.
        if _LEVELS[method_name] >= self._logger.level:
            self._logger.add(_completed(method_name, event, fields))


class Lines:
    """The logger behind structlog's: it writes the lines of one turn of the event loop together.

    They are rendered at the end of the turn, before anything that its tasks have sent leaves: whatever kills
    the process, what was answered has its line. Outside an event loop each line is written at once.
    """

    def __init__(self, stream: TextIO, redactor: Redactor) -> None:
        self.redactor = redactor
        self.level = logging.INFO
        self._stream = stream
        self._render: Renderer = _json
        self._waiting: deque[EventDict] = deque()
        self._writing = threading.Lock()
        self._due_in: int | None = None
        """The thread whose loop writes at the end of its turn."""

    def set(self, *, style: Style, level: str) -> None:
        """How lines are written from now on, and the lowest level of those that are."""
        pretty = style == "pretty" or (style == "auto" and self._stream.isatty())
        self._render = _pretty(structlog.dev.ConsoleRenderer()) if pretty else _json
        self.level = logging.getLevelNamesMapping()[level]
        logging.getLogger().setLevel(level)

    def add(self, event: EventDict) -> None:
        self._waiting.append(event)
        thread = threading.get_ident()
        if self._due_in == thread:
            return
        # Once a turn: it costs a system call.
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
        else:
            self._due_in = thread
            loop.call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._due_in = None
        self.flush()

    def flush(self) -> None:
        with self._writing:
            count = len(self._waiting)
            text = "".join(f"{self._render(self._waiting.popleft())}\n" for _ in range(count))
            # A failing stdout stops no delivery, and there is no other place to report it.
            with suppress(OSError, ValueError):
                self._stream.write(self.redactor.text(text))
                self._stream.flush()


class _Handler(logging.Handler):
    """Takes the records of the standard library's loggers to the same lines."""

    def __init__(self, lines: Lines) -> None:
        super().__init__()
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        level, fields = record.levelname.lower(), {"exc_info": record.exc_info}
        self._lines.add(_completed(level, record.getMessage(), fields))


def _completed(level: str, event: str, fields: EventDict) -> EventDict:
    """The fields of an event, and what is known only when it happens."""
    fields.update(_bound.get())
    fields["event"] = event
    fields["level"] = level
    fields["timestamp"] = datetime.now(UTC)
    return structlog.processors.format_exc_info(None, level, fields) if "exc_info" in fields else fields


def _json(event: EventDict) -> str:
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z).decode()
    except TypeError:
        # Half a surrogate pair is not UTF-8: text of a request must not lose us the line.
        return json.dumps(_with_text_time(event), default=str, skipkeys=True)


def _pretty(render: structlog.dev.ConsoleRenderer) -> Renderer:
    return lambda event: render(None, "", _with_text_time(event))


def _with_text_time(event: EventDict) -> EventDict:
    moment: datetime = event["timestamp"]
    return {**event, "timestamp": moment.isoformat().replace("+00:00", "Z")}
