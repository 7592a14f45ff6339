"""What checks find, and how they run: side by side, each bounded, and none ends another."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

import anyio

from bridge.errors import BridgeError
from bridge.runtime.redaction import masked

T = TypeVar("T")

AS_DAEMON: Final = "run this as root, or as the user of the daemon"
"""The cure of what this user cannot read."""


class State(StrEnum):
    """How one thing is: `fail` is what has to be mended now, `skipped` what could not be looked at."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a check found of one thing, in sentences: `about` is its name, `cure` what to do."""

    check: str
    about: str | None = None
    state: State
    what: str
    cure: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at, which may take so many seconds; `look` raises BridgeError where it is bad."""

    name: str
    about: str | None
    look: Callable[[], Awaitable[Sequence[Finding]]]
    seconds: float = 30.0


async def findings_of(checks: Iterable[Check]) -> list[Finding]:
    """What all of them find, in their order."""
    ordered = list(checks)
    found: list[Sequence[Finding]] = [()] * len(ordered)

    async def look(place: int, check: Check) -> None:
        found[place] = await _look(check)

    async with anyio.create_task_group() as tasks:
        for place, check in enumerate(ordered):
            tasks.start_soon(look, place, check)
    return [finding for of_check in found for finding in of_check]


async def _look(check: Check) -> Sequence[Finding]:
    try:
        with anyio.fail_after(check.seconds):
            return await check.look()
    except TimeoutError:
        what = f"no answer within {check.seconds:g} s"
        cure = "look whether the disk or the server hangs"
        return [Finding(check=check.name, about=check.about, state=State.FAIL, what=what, cure=cure)]
    except Exception as error:  # noqa: BLE001  # a check that crashes is a finding
        return [failure(check.name, error, check.about)]


def failure(check: str, error: Exception, about: str | None = None) -> Finding:
    """What an error of a check shows: an expected one is what was found."""
    what, cure = str(error), None
    if not isinstance(error, BridgeError):
        what = f"the check itself failed: {type(error).__name__}: {masked(str(error))}"
        cure = "this is a mistake of Buildbridge: report it with this line"
    return Finding(check=check, about=about, state=State.FAIL, what=what, cure=cure)


async def in_thread(work: Callable[[], T]) -> T:
    """What blocking work answers, of a thread that is left behind where it hangs: no end waits for it."""
    future: Future[T] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  # it belongs to the caller, not to the thread
            future.set_exception(error)

    threading.Thread(target=run, name="doctor", daemon=True).start()
    return await asyncio.wrap_future(future)
