"""Every line of log that is ours has a name from one list, and no name is there for nothing."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bridge.runtime.events import LogEvent

BRIDGE = Path(__file__).parents[2] / "bridge"
LOGGERS = {"log", "logger", "self._log"}
LEVELS = {"debug", "info", "warning", "warn", "error", "exception", "critical", "fatal", "msg", "log"}
RETIRED = {"why", "msg", "message"}
"""`reason` is why a decision was made, `error` the text of an exception."""


def calls(source: str) -> Iterator[ast.Call]:
    """The calls of a module that write a line of log."""
    for node in ast.walk(ast.parse(source)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LEVELS
            and ast.unparse(node.func.value) in LOGGERS
        ):
            yield node


def names(event: ast.expr) -> Iterator[str | None]:
    """The members of LogEvent that an expression can be; None for anything else."""
    match event:
        case ast.Attribute(value=ast.Name(id="LogEvent"), attr=name):
            yield name
        case ast.IfExp():
            yield from names(event.body)
            yield from names(event.orelse)
        case _:
            yield None


@cache
def found() -> list[tuple[str, ast.Call]]:
    """The calls of all modules, and where they stand."""
    return [
        (f"{file.relative_to(BRIDGE)}:{call.lineno}", call)
        for file in sorted(BRIDGE.rglob("*.py"))
        for call in calls(file.read_text("utf-8"))
    ]


def test_a_line_of_log_has_a_name_from_the_list_and_the_fields_have_one_spelling() -> None:
    for place, call in found():
        assert call.args, place
        assert None not in set(names(call.args[0])), f"{place}: the first argument is not a LogEvent"
        assert len(call.args) == 1, place
        assert not {field.arg for field in call.keywords} & RETIRED, place


def test_every_name_of_the_list_is_used() -> None:
    used = {name for _, call in found() for name in names(call.args[0])}
    assert used == {event.name for event in LogEvent}


@pytest.mark.parametrize("event", LogEvent)
def test_a_name_says_the_thing_and_what_happened_to_it(event: LogEvent) -> None:
    assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", event)
    assert event.name == event.replace(".", "_").upper()


@pytest.mark.parametrize(
    "line",
    [
        "log.info('stored')",
        "log.error(event)",
        "logger.warning(f'{x}')",
        "log.info(LogEvent.A if x else 'b')",
    ],
)
def test_another_name_is_noticed(line: str) -> None:
    (call,) = calls(line)
    assert None in set(names(call.args[0]))
