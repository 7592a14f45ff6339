"""Copies a store again and again, each time killed some lines later than before, until the copy is complete.

It prints how many kills there were before that, and how many of them left the beginning of a copy. What is
a store after a kill is complete: the test that runs this compares it.
"""

import os
import signal
import sys
from types import FrameType
from typing import Any

from bridge.errors import StoreError
from bridge.store import copying, upkeep
from bridge.store.postgres import side as postgres
from bridge.store.sql import side
from bridge.store.sqlite import side as sqlite

FILES = {module.__file__ for module in (copying, side, postgres, sqlite)}
MORE_LINES = 97
# Each part is small, so that a table has several.
vars(copying)["_ROWS"] = 3


def killed_after(lines: int, source: str, target: str) -> bool:
    """Whether a copy was killed after so many lines, or was complete before."""
    child = os.fork()
    if not child:
        left = lines

        def trace(frame: FrameType, event: str, _argument: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename not in FILES:
                return None
            if event == "line":
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        copying.copy(source, target, progress=lambda _done, _total: None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or not status
    return os.WIFSIGNALED(status)


def why_not(target: str) -> str:
    """Why the target is no store; empty where it is one."""
    try:
        upkeep.require_usable(target)
    except StoreError as error:
        return str(error)
    return ""


def main(source: str, target: str) -> None:
    kills = begun = 0
    # A copy may also be killed when it is complete, and has not said so yet.
    while killed_after((kills + 1) * MORE_LINES, source, target) and (why := why_not(target)):
        kills += 1
        begun += "is a copy that is not complete" in why
    sys.stdout.write(f"{kills} {begun}\n")


main(*sys.argv[1:])
