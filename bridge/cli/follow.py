"""Following builds until they have ended: what `--wait` and `builds log --follow` do."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import anyio
import click

from bridge.cli import show
from bridge.cli.ids import build_name
from bridge.cli.speech import reason, state_word, tell
from bridge.model.build import Build, BuildState
from bridge.model.delivery import DeliveryState
from bridge.runtime.clock import system_clock
from bridge.store.base import Store
from bridge.store.values import DeliveryRow
from bridge.web.api.core.reasons import builds_with_reasons

LONGEST: Final = 7 * 86400
DISPATCH_SECONDS: Final = 10
END_SECONDS: Final = 3600
FAILED: Final = 1
TIMED_OUT: Final = 4
"""The exit status where something has not ended in time."""
_LOOK_SECONDS: Final = 0.25
_DISPATCH_LOOK_SECONDS: Final = 0.1


def wait_options(command: Callable[..., None]) -> Callable[..., None]:
    """`--wait` and `--timeout` of commands that make builds."""
    waits = click.option(
        "--wait",
        is_flag=True,
        help="Print the states of the builds until they have ended; exit 1 if one failed, 4 if not in time.",
    )
    timeout = click.option(
        "--timeout",
        metavar="SECONDS",
        type=click.IntRange(0, LONGEST),
        help=f"How long to wait at most; default: {END_SECONDS} with --wait, else {DISPATCH_SECONDS} until "
        "the builds are made.",
    )
    return waits(timeout(command))


def sees_all(_namespace: str) -> bool:
    """Who can read the store may see everything in it."""
    return True


def exit_status(build: Build) -> int:
    """0 for a build that succeeded, 4 for one that has not ended, else 1."""
    if not build.state.terminal:
        return TIMED_OUT
    return 0 if build.state is BuildState.SUCCEEDED else FAILED


async def follow_builds(store: Store, builds: Sequence[Build], seconds: float) -> int:
    """Print the states of builds as they come, until all have ended; returns the exit status."""
    printed: dict[str, tuple[str, str]] = {}
    known = list(builds)

    async def look() -> None:
        nonlocal known
        found = [await store.builds.get(build.id) for build in known]
        known = [build for build in found if build is not None]
        for build in await builds_with_reasons(store, known, sees_all, show.local_time):
            if printed.get(build.id) != (build.state, build.detail):
                printed[build.id] = (build.state, build.detail)
                state, why = state_word(build.state), reason(build.detail)
                line = f"{show.local_time(system_clock())}  {build_name(build)}  {state}  {why}"
                click.echo(show.plain(line.rstrip()))

    await look()
    with anyio.move_on_after(seconds):
        while any(not build.state.terminal for build in known):
            await anyio.sleep(_LOOK_SECONDS)
            await look()
    return max(map(exit_status, known), default=0)


async def follow_delivery(store: Store, delivery_id: str, *, wait: bool, seconds: int | None) -> int:
    """Print which builds a delivery makes, or why none, and with `wait` their states; the exit status."""
    if seconds is None:
        seconds = END_SECONDS if wait else DISPATCH_SECONDS
    begun = system_clock()
    row = await _processed(store, delivery_id, seconds)
    if row is None:
        said = tell(
            "not processed yet: the daemon does that when it runs; see `deliveries show {id}`", id=delivery_id
        )
        click.echo(said, err=True)
        return TIMED_OUT if wait else 0
    builds = await store.builds.of_delivery(delivery_id)
    for build in builds:
        tags = ", ".join(build.request.tags)
        said = tell(
            "build {build}  {id}  {builder}: {tags}",
            build=build_name(build),
            id=build.id,
            builder=build.builder,
            tags=tags,
        )
        click.echo(show.plain(said))
    if row.state is not DeliveryState.DISPATCHED:
        said = tell("{state}: {why}", state=state_word(row.state), why=reason(row.detail))
        click.echo(show.plain(said), err=True)
        return FAILED
    return await follow_builds(store, builds, begun + seconds - system_clock()) if wait else 0


async def _processed(store: Store, delivery_id: str, seconds: float) -> DeliveryRow | None:
    """The delivery once the daemon has processed it; None if it does not within `seconds`."""
    with anyio.move_on_after(seconds):
        while True:
            found = await store.deliveries.get(delivery_id)
            if found is not None and found[0].state is not DeliveryState.STORED:
                return found[0]
            await anyio.sleep(_DISPATCH_LOOK_SECONDS)
    return None


async def print_log(store: Store, build: Build, *, follow: bool, tail: int | None) -> int:
    """Print the log of a run, its last `tail` lines, and what comes, with `follow`; the exit status."""
    pieces = partial(store.builds.log, build.id, run=build.run)
    texts, last = [], -1
    while found := await pieces(after=last):
        last = found[-1].seq
        texts += [piece.text for piece in found]
        if tail is None:
            _echo(texts)
            texts = []
    if tail is not None:
        _echo(show.lines("".join(texts)).splitlines(keepends=True)[-tail:] if tail else [])
    if not follow:
        return _without_following(build, last)
    while True:
        now = await _run_now(store, build)
        # What the builder had said before the build ended is read before that is written.
        while found := await pieces(after=last):
            last = found[-1].seq
            _echo([piece.text for piece in found])
        if now is None or now.state.terminal:
            return _ended(now or build)
        await anyio.sleep(_LOOK_SECONDS)


def _without_following(build: Build, last: int) -> int:
    if last < 0:
        said = tell(
            "the daemon has read no log of {build}; the build is {state}",
            build=build_name(build),
            state=state_word(build.state),
        )
        click.echo(said, err=True)
    return 0


def _ended(build: Build) -> int:
    said = f"{build_name(build)} {state_word(build.state)}"
    if build.detail:
        said = tell("{state}: {why}", state=said, why=reason(build.detail))
    click.echo(show.plain(said), err=True)
    return exit_status(build)


async def _run_now(store: Store, build: Build) -> Build | None:
    return await store.builds.run(build.run_id)


def _echo(texts: Sequence[Any]) -> None:
    for text in texts:
        click.echo(show.lines(text), nl=False)
    sys.stdout.flush()
