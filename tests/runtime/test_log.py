"""Log lines: one each, JSON for machines, and never a secret."""

import json
import logging
import os
import sys
from collections.abc import Iterator
from typing import Any, Literal

import anyio
import anyio.lowlevel
import pytest
import structlog

from bridge.errors import Transient
from bridge.runtime import log
from bridge.runtime.redaction import MASK, Redactor

SECRET = "s3cret/with+odd chars&more"


class Output:
    """All that was printed so far."""

    def __init__(self, captured: pytest.CaptureFixture[str]) -> None:
        self._captured = captured
        self._text = ""

    def getvalue(self) -> str:
        self._text += self._captured.readouterr().out
        return self._text


@pytest.fixture
def output(capsys: pytest.CaptureFixture[str]) -> Iterator[Output]:
    """What is printed while logs are set up for this test, and as before after it."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield Output(capsys)
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)


def lines(output: Output) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_a_line_is_one_json_object_with_time_and_level(output: Output) -> None:
    log.configure([], style="json")
    structlog.get_logger().info("stored", delivery_id="d-1", size=3, state=None, ok=True)
    (line,) = lines(output)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "stored",
        "level": "info",
        "delivery_id": "d-1",
        "size": 3,
        "state": None,
        "ok": True,
    }


class Odd:
    """An object of somebody else's, whose text holds the secret."""

    def __str__(self) -> str:
        return f"Odd({SECRET})"


@pytest.mark.parametrize(
    "value",
    [
        SECRET,
        f"https://h/?token={SECRET}",
        "https://h/?token=s3cret%2Fwith%2Bodd%20chars%26more",
        "token=s3cret%2Fwith%2Bodd+chars%26more",
        [SECRET, {"deep": (SECRET,)}],
        {SECRET: 1},
        Transient(f"no answer from {SECRET}"),
        Odd(),
        SECRET.encode(),
        frozenset({SECRET}),
    ],
    ids=["plain", "in a URL", "quoted", "quoted as a form", "deep", "key", "error", "object", "bytes", "set"],
)
def test_a_secret_is_taken_out_wherever_it_stands(output: Output, value: object) -> None:
    log.configure([SECRET], style="json")
    structlog.get_logger().warning("odd", value=value)
    structlog.get_logger().warning(str(value))
    logging.getLogger("some.library").warning("it says %s", value)
    assert len(lines(output)) == 3
    assert output.getvalue().count(MASK) >= 3
    assert "s3cret" not in output.getvalue()


def test_a_secret_is_taken_out_of_tracebacks(output: Output) -> None:
    log.configure([SECRET], style="json")
    try:
        int(SECRET)
    except ValueError:
        structlog.get_logger().exception("it broke")
        logging.getLogger("some.library").exception("it broke, too")
    assert [line["event"] for line in lines(output)] == ["it broke", "it broke, too"]
    assert "ValueError: invalid literal for int() with base 10: '***'" in lines(output)[0]["exception"]
    assert "s3cret" not in output.getvalue()


@pytest.mark.parametrize("odd", ['pa"ss', 'pä"ss', "pa\\ss", "pä陶ss", "pa'ss", "pa\nss"])
@pytest.mark.parametrize("style", ["json", "pretty"])
def test_a_secret_is_taken_out_however_a_line_writes_it(
    output: Output, style: Literal["json", "pretty"], odd: str
) -> None:
    secret = f"be{odd}hind"
    log.configure([secret], style=style)
    for value in (secret, [secret], {"key": secret}, {"key": secret, "half": "\ud800"}, Transient(secret)):
        structlog.get_logger().warning("odd", value=value)
        logging.getLogger("some.library").warning("it says %r", value)
    text = output.getvalue()
    assert text.count(MASK) >= 10
    assert "hind" not in text
    assert f"b{MASK}" not in text, "not even its first letter"


async def test_the_lines_of_every_turn_are_handed_on_at_its_end(
    output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(reader, "rb") as heard, os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        log.configure([], style="json")
        for number in range(3):
            structlog.get_logger().info("first", number=number)
            structlog.get_logger().info("second", number=number)
            await anyio.wait_all_tasks_blocked()
            await anyio.lowlevel.checkpoint()
            found = [json.loads(line) for line in (heard.read() or b"").splitlines()]
            assert [(line["event"], line["number"]) for line in found] == [
                ("first", number),
                ("second", number),
            ]


def test_a_line_outside_of_the_loop_is_handed_on_at_once(
    output: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    with os.fdopen(reader, "rb") as heard, os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        log.configure([], style="json")
        structlog.get_logger().info("now")
        assert b'"now"' in (heard.read() or b"")


def test_the_longest_secret_goes_first_and_the_shortest_stay() -> None:
    hide = Redactor(["four", "password-of-four", "abc", ""])
    assert hide.text("password-of-four four abc") == "*** *** abc"


@pytest.mark.parametrize("value", ["half \ud800", "a\udcff", "\x00", "陶", {"\udc80": "\udc80"}])
def test_any_text_can_be_logged(output: Output, value: object) -> None:
    log.configure([], style="json")
    structlog.get_logger().info("odd", value=value)
    assert len(lines(output)) == 1


def test_what_is_below_the_level_is_not_printed(output: Output) -> None:
    log.configure([], style="json", level="WARNING")
    structlog.get_logger().info("quiet")
    logging.getLogger("some.library").info("quiet")
    structlog.get_logger().warning("loud")
    assert [line["event"] for line in lines(output)] == ["loud"]


def test_chatty_libraries_are_heard_from_their_warnings_on(output: Output) -> None:
    log.configure([], style="json")
    for name in ("httpx", "apscheduler", "uvicorn.error"):
        logging.getLogger(name).info("chatter")
        logging.getLogger(name).warning("trouble")
    assert [line["event"] for line in lines(output)] == ["trouble"] * 3


def test_pretty_lines_are_for_people(output: Output) -> None:
    log.configure([SECRET], style="pretty")
    structlog.get_logger().info("stored", why=SECRET)
    text = output.getvalue()
    assert "stored" in text
    assert not text.startswith("{")
    assert "s3cret" not in text


def test_without_a_terminal_auto_is_json(output: Output) -> None:
    assert not sys.stdout.isatty()
    log.configure([], style="auto")
    structlog.get_logger().info("stored")
    assert lines(output)[0]["event"] == "stored"


def test_level_and_style_may_change_for_loggers_that_are_there(output: Output) -> None:
    written = log.configure([], style="json", level="ERROR")
    bound, library = structlog.get_logger().bind(), logging.getLogger("a library")
    for level in ("ERROR", "INFO", "WARNING"):
        written.set(style="json", level=level)
        bound.info(f"ours at {level}")
        bound.error(f"an error at {level}")
        library.info(f"theirs at {level}")
    assert [line["event"] for line in lines(output)] == [
        *("an error at ERROR", "ours at INFO", "an error at INFO", "theirs at INFO", "an error at WARNING")
    ]
    written.set(style="pretty", level="INFO")
    bound.info("for people")
    assert not output.getvalue().splitlines()[-1].startswith("{")
