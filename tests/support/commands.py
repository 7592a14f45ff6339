"""The command line, run in this process as a shell would run it."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from bridge.cli import main


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def documents(self) -> list[dict[str, Any]]:
        """What `--json` printed."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        (line,) = self.stderr.splitlines()
        return line


def command(*arguments: str | Path) -> Done:
    """Run `buildbridge` with these arguments; one at a time, for it reads and writes the process's own."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="", write_through=True) for _ in range(2))
    before, sys.argv = sys.argv, ["buildbridge", *map(str, arguments)]
    status = 0
    try:
        with redirect_stdout(out), redirect_stderr(err), logs_as_before():
            main()
    except SystemExit as end:
        status = int(end.code or 0)
    finally:
        sys.argv = before
    return Done(status, *(stream.buffer.getvalue().decode() for stream in (out, err)))


@contextmanager
def logs_as_before() -> Iterator[None]:
    """What the block does to the loggers is undone."""
    root, loggers = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**loggers)
