"""Polling: a few runs are read one by one, more of them by the pages of their workflow.

A run that is not on these pages is read by itself. One that the server took without a word of its number is
looked for by its title. All show the newest attempt of a run: an earlier one is read by itself, too.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from bridge.builders.actions.model import ActionsRef, Run, failed_place, status_of
from bridge.builders.actions.server import ActionsServer
from bridge.builders.base import Handle, Status
from bridge.builders.polling import (
    FEW,
    LOOK_INTERVAL,
    Absences,
    Failure,
    Shown,
    Turns,
    read_handles,
    with_reasons,
)
from bridge.errors import RemoteError
from bridge.model.build import BuildState
from bridge.runtime.clock import Clock

SEARCHED: Final = 2000
"""How many of the newest runs are searched for one of ours."""
NEVER_SHOWN: Final = 1800.0
"""Seconds after which a run that was taken, and that no list has, will not come."""
CLOCKS: Final = 600.0
"""Seconds by which the clocks of the server and this machine may differ."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The runs of builds by our ids, None where the server has none; who is not in it could not be read."""

    runs: dict[str, Run | None]
    never_shown: list[str]


class ActionsPoll:
    """The runs of one server."""

    def __init__(self, server: ActionsServer, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._absences = Absences(clock)
        self._turns: dict[tuple[str, str], Turns[int]] = {}

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        """The status of each build. Raises RemoteError when no run could be read."""
        refs, statuses = read_handles(handles, ActionsRef.parse)
        found = _Found({}, [])
        failures: list[RemoteError] = []
        for place in sorted({(ref.repository, ref.workflow) for ref in refs.values()}):
            group = {name: ref for name, ref in refs.items() if (ref.repository, ref.workflow) == place}
            try:
                await self._read(place, group, found)
            except RemoteError as error:
                failures.append(error)
        if failures and not found.runs and not statuses:
            raise failures[0]
        runs: dict[str, Run] = {}
        for name, run in found.runs.items():
            ref = refs[name]
            if run is not None and ref.owns(run):
                self._absences.found(name)
                if own := await self._attempt(ref, run):
                    runs[name] = own
                    statuses[name] = status_of(ref, own, self._server.page_url(ref.repository, own))
            elif status := await self._gone(name, ref):
                statuses[name] = status
        statuses |= {name: self._never_shown() for name in found.never_shown}

        async def reason(name: str) -> Failure:
            return failed_place(await self._server.jobs(refs[name].repository, runs[name]))

        return await with_reasons(statuses, reason)

    async def _read(self, place: tuple[str, str], group: Mapping[str, ActionsRef], found: _Found) -> None:
        """Add the runs of these builds, all of one workflow."""
        numbers = {name: ref.run for name, ref in group.items() if ref.run is not None}
        unnumbered = group.keys() - numbers.keys()
        many = len(numbers) > FEW
        turns = self._turns.setdefault(place, Turns(self._clock))
        if many or unnumbered:
            deep = SEARCHED // self._server.page_size if unnumbered else 0
            sought = group if many else {name: group[name] for name in unnumbered}
            await self._list(place, sought, found.runs, turns, deep)
        absent = turns.absent - found.runs.keys()
        if turns.is_whole:
            found.never_shown.extend(
                name for name in absent & unnumbered if self._clock() - group[name].since > NEVER_SHOWN
            )
        alone = numbers.keys() & absent if many else numbers
        for name in self._absences.due(alone, LOOK_INTERVAL if many else 0.0):
            found.runs[name] = await self._server.run(place[0], numbers[name])

    async def _attempt(self, ref: ActionsRef, run: Run) -> Run | None:
        """The run in our attempt; None while that is not shown, or could not be read now."""
        with suppress(RemoteError):
            return await self._server.attempt(ref, run)
        return None

    async def _list(
        self,
        place: tuple[str, str],
        sought: Mapping[str, ActionsRef],
        runs: dict[str, Run | None],
        turns: Turns[int],
        deep: int,
    ) -> None:
        """Add what the pages that are due show of these builds, back to the oldest of them."""

        async def page(number: int | None) -> Shown[int]:
            number = number or 1
            listed = await self._server.page(*place, number)
            shown = _ours(sought, listed.workflow_runs)
            # Of runs that have our title the oldest is ours: a person can start one with its inputs.
            runs.update(shown)
            size = len(listed.workflow_runs)
            ends = not size or (listed.total is not None and number * size >= listed.total)
            goes_on = not ends and any(
                _may_be_older(ref, listed.workflow_runs[-1]) for ref in sought.values()
            )
            return Shown(shown.keys(), number + 1 if goes_on else None)

        await turns.read(sought.keys(), page, deep)

    async def _gone(self, name: str, ref: ActionsRef) -> Status | None:
        """Count that a run was missed; the end of a build that is certainly gone."""
        try:
            await self._server.check(ref.repository, ref.workflow)
        except RemoteError:
            return None
        looks = self._absences.missed(name)
        if looks is None:
            return None
        title = self._server.name
        detail = f"gone from {title}: it has no run {ref.run}, {looks} while {title} showed the workflow"
        return Status(state=BuildState.UNKNOWN, raw="gone", detail=detail)

    def _never_shown(self) -> Status:
        detail = (
            f"{self._server.name} took the build, and {NEVER_SHOWN / 60:.0f} minutes later no run of the "
            "workflow shows its id"
        )
        return Status(state=BuildState.UNKNOWN, raw="never shown", detail=detail)


def _ours(refs: Mapping[str, ActionsRef], runs: Sequence[Run]) -> dict[str, Run]:
    """The runs of builds on a page, the newest first."""
    by_id = {run.id: run for run in runs}
    found = {name: by_id[ref.run] for name, ref in refs.items() if ref.run in by_id}
    unnumbered = {name: ref for name, ref in refs.items() if ref.run is None}
    return found | {name: run for run in runs for name, ref in unnumbered.items() if run.named(ref.build)}


def _may_be_older(ref: ActionsRef, run: Run) -> bool:
    """Whether the run of a build may have been made before this one."""
    if ref.run is not None:
        return ref.run < run.id
    return run.created_at is None or run.created_at >= ref.since - CLOCKS
