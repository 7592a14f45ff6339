"""The page of one build, and its log."""

import re
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Final

import anyio
import anyio.to_thread
from markupsafe import Markup
from pydantic import Field
from starlette.responses import Response, StreamingResponse

from bridge.model.access import Role
from bridge.model.build import Build, BuildState, run_id_of
from bridge.store.logs import MAX_LINES, LogMatches, NumberedLine
from bridge.store.values import Cursor, NoticeFilter, NoticeRow
from bridge.web.api.core.errors import Invalid, NotFound
from bridge.web.api.core.logs import log_pieces
from bridge.web.api.core.resolving import MAX_REASON, Resolution
from bridge.web.api.operation import Arguments
from bridge.web.api.pages import PAGE_SIZE
from bridge.web.api.queries import MAX_RUN
from bridge.web.pages.ansi import shown
from bridge.web.pages.build_steps import shown_steps
from bridge.web.pages.failures import labelled
from bridge.web.pages.forms import Form
from bridge.web.pages.i18n import TEXTS
from bridge.web.pages.log_html import BLOCK, LogWindow, blocks
from bridge.web.pages.sentences import event_phrases
from bridge.web.pages.visit import PageParts, PageRoute, Subject, Visit

_BEFORE: Final = 200
"""Lines before those that a link names."""
_MAX_NUMBER: Final = 10**9
_MAX_SOUGHT: Final = 200
_MAX_FOUND: Final = 200
"""So many lines that were found a page shows: more make it slow on a phone, and no one reads them."""
_FILE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_RESOLUTIONS: Final[dict[str, Resolution]] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
}
_Number = Annotated[int, Field(ge=1, le=_MAX_NUMBER)]


class RunQuery(Arguments):
    """Which run of a build."""

    run: Annotated[int, Field(ge=1, le=MAX_RUN)] | None = None


class BuildPageQuery(RunQuery):
    """Which part of the log is shown, and what is looked for in all of it."""

    begin: _Number | None = Field(default=None, alias="from")
    lines: Annotated[str, Field(pattern=r"^[0-9]{1,9}(-[0-9]{1,9})?$")] | None = None
    q: Annotated[str, Field(max_length=_MAX_SOUGHT)] | None = None

    @property
    def picked(self) -> range:
        """The lines that the address names; at most a thousand."""
        begin, _, end = (self.lines or "").partition("-")
        first = max(1, int(begin or 0))
        last = min(max(first, int(end or first)), first + MAX_LINES - 1)
        return range(first, last + 1) if self.lines else range(0)


class LogPartQuery(RunQuery):
    """A part of a log, for scripts: from a line on, or the lines before one."""

    begin: _Number = Field(default=1, alias="from")
    before: _Number | None = None
    count: Annotated[int, Field(ge=1, le=MAX_LINES)] = BLOCK


class OneBuildPages(Subject):
    """One build."""

    def __init__(self, parts: PageParts) -> None:
        super().__init__(parts)
        self._one_window = anyio.CapacityLimiter(1)

    async def show(self, visit: Visit) -> Response:
        query = visit.query(BuildPageQuery, "done")
        newest, build = await self._run(visit, query.run)
        builds = self.core.store.builds
        window = await self._window(build, query)
        runs = await builds.runs(build.id)
        raw = _raw(build)
        html = await self._html(visit, window, raw)
        return visit.page(
            "build.html",
            build=build,
            newest=newest,
            runs=runs,
            query=query,
            window=window,
            log=html,
            raw=raw,
            steps=shown_steps(await builds.steps(build.id, run=build.run)),
            phrases=event_phrases(visit.language),
            notices=await self._notices(visit, build),
            usual=await builds.usual_seconds(build) if build.state is BuildState.RUNNING else None,
            ahead=await self._ahead(visit, build),
            found=await self._search(build, query.q) if query.q else None,
            line_of=lambda text: shown(text)[0],
            **_marks(visit, window),
        )

    async def _ahead(self, visit: Visit, build: Build) -> int | None:
        """How many builds go first, for who may see more than the public ones."""
        if build.state is not BuildState.WAITING or not visit.may(Role.VIEWER, build.namespace):
            return None
        return await self.core.store.waits.before(build.id)

    async def _run(self, visit: Visit, run: int | None) -> tuple[Build, Build]:
        """The build in its newest run, and in the one that is asked for. Raises NotFound."""
        build = await self.core.builds.one(visit.principal, visit.path["build_id"])
        if run is None or run == build.run:
            (shown,) = await self.core.builds.with_reasons(visit.principal, [build])
            return build, shown
        earlier = await self.core.store.builds.run(run_id_of(build.id, run))
        if earlier is None:
            raise NotFound(f"{build.full_name} #{build.number} has no run {run}")
        return build, earlier

    async def _window(self, build: Build, query: BuildPageQuery) -> LogWindow:
        """The lines that the address asks for; else those around the failure, or the last ones."""
        logs, picked = self.core.store.logs, query.picked
        at = await self.core.failed_lines.of(build) if build.state is BuildState.FAILED else None
        if picked:
            return await self._around(build, picked.start, _BEFORE, at=at, picked=picked)
        if query.begin is not None:
            found = await logs.lines(build.id, query.begin, MAX_LINES, run=build.run)
        elif at is not None:
            return await self._around(build, at, MAX_LINES // 2, at=at)
        else:
            found = await logs.lines(build.id, 1 - MAX_LINES, MAX_LINES, run=build.run, from_end=True)
        return LogWindow(rows=found.rows, total=found.total, open=found.open, at=at)

    async def _around(
        self, build: Build, number: int, before: int, *, at: int | None, picked: range = range(0)
    ) -> LogWindow:
        """A thousand lines, some of them before the one of this number."""
        logs, first = self.core.store.logs, max(1, number - before)
        after = await logs.lines(build.id, number, MAX_LINES - (number - first), run=build.run)
        rows: list[NumberedLine] = []
        if number > first:
            head = await logs.lines(build.id, first, number - first, run=build.run, from_end=True)
            rows = [row for row in head.rows if row.number is None or row.number < number]
        if after.rows and after.rows[0].number is None:
            rows = [row for row in rows if row.number is not None]
        rows += after.rows
        return LogWindow(rows=rows, total=after.total, open=after.open, at=at, picked=picked)

    async def _html(self, visit: Visit, window: LogWindow, raw: str) -> Markup:
        """The lines of a window; one at a time, since they may keep a processor busy."""
        work = partial(blocks, window, TEXTS[visit.language], raw)
        return await anyio.to_thread.run_sync(work, limiter=self._one_window)

    async def _search(self, build: Build, text: str) -> LogMatches:
        async with self.core.one_search:
            found = await self.core.store.logs.search(build.id, text, run=build.run)
        return LogMatches(count=found.count, rows=found.rows[:_MAX_FOUND])

    async def _notices(self, visit: Visit, build: Build) -> Sequence[NoticeRow]:
        """The newest notices about the build, for those who have signed in."""
        if visit.principal is None:
            return ()
        only = NoticeFilter(build_id=build.id)
        return (await self.core.notices.page(visit.principal, Cursor(), PAGE_SIZE, only)).rows

    async def show_part(self, visit: Visit) -> Response:
        """A part of the log, without the page around it."""
        query = visit.query(LogPartQuery)
        _, build = await self._run(visit, query.run)
        first, count = query.begin, query.count
        if query.before is not None:
            first = max(1, query.before - count)
            count = query.before - first
        is_earlier = query.before is not None
        logs = self.core.store.logs
        found = await logs.lines(build.id, first, count, run=build.run, from_end=is_earlier)
        window = LogWindow(rows=found.rows, total=found.total, open=found.open)
        html = await self._html(visit, window, _raw(build))
        following = window.next if window.rows else query.begin
        ended = build.state.terminal
        return visit.page("log_part.html", window=window, log=html, following=following, ended=ended)

    async def show_raw(self, visit: Visit) -> Response:
        """The whole log, as it is kept."""
        query = visit.query(RunQuery)
        _, build = await self._run(visit, query.run)
        pieces = log_pieces(self.core.store.builds, build)

        async def text() -> AsyncIterator[bytes]:
            async for some in pieces:
                yield "".join(piece.text for piece in some).encode()

        name = _FILE.sub("-", f"{build.repo_name}-{build.number}.{build.run}.log")
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(text(), headers=headers, media_type="text/plain; charset=utf-8")

    async def retry(self, visit: Visit) -> Response:
        build = await self.core.builds.one(visit.principal, visit.path["build_id"])

        async def act(_form: Form, claim_id: str) -> str:
            again = await self.core.builds.retry(visit.caller, build, visit.origin, claim_id)
            return f"/builds/{again.id}?run={again.run}&done=retry"

        return await self.done_once(visit, act)

    async def cancel(self, visit: Visit) -> Response:
        build = await self.core.builds.one(visit.principal, visit.path["build_id"])

        async def act(_form: Form, _claim_id: str) -> str:
            await self.core.builds.cancel(visit.caller, build, visit.origin)
            return f"/builds/{build.id}?done=cancel"

        return await self.done_once(visit, act)

    async def resolve(self, visit: Visit) -> Response:
        build = await self.core.builds.one(visit.principal, visit.path["build_id"])

        async def act(form: Form, _claim_id: str) -> str:
            state, reason = _RESOLUTIONS.get(form["state"]), form["reason"]
            if state is None or not 0 < len(reason) <= MAX_REASON:
                raise Invalid([f"say how it ended, and how you know it, in at most {MAX_REASON} characters"])
            await self.core.builds.resolve(visit.caller, build, state, reason, visit.origin)
            return f"/builds/{build.id}?done=resolve"

        return await self.done_once(visit, act)

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute("GET", "/builds/{build_id}", show, labelled(q="build.search")),
        PageRoute("GET", "/builds/{build_id}/log", show_part),
        PageRoute("GET", "/builds/{build_id}/raw", show_raw),
        PageRoute("POST", "/builds/{build_id}/retry", retry),
        PageRoute("POST", "/builds/{build_id}/cancel", cancel),
        PageRoute("POST", "/builds/{build_id}/resolve", resolve),
    )


def _raw(build: Build) -> str:
    return f"/builds/{build.id}/raw?run={build.run}"


def _marks(visit: Visit, window: LogWindow) -> dict[str, Any]:
    """The addresses of other parts of the log."""
    none: dict[str, str | int | None] = dict.fromkeys(("done", "q", "lines"))

    def part(begin: int, place: str) -> str:
        return f"{visit.link(**none, **{'from': begin})}#{place}"

    def to_lines(number: int) -> str:
        there: dict[str, str | int | None] = {"done": None, "from": None, "lines": number}
        return f"{visit.link(**there)}#L{number}"

    has_later = 0 < window.last < window.total
    return {
        "earlier": part(max(1, window.begin - BLOCK), f"L{window.first}") if window.begin > 1 else None,
        "later": part(window.last + 1, "log") if has_later else None,
        "end": part(max(1, window.total - BLOCK), "end") if has_later else None,
        "to_lines": to_lines,
        "done": visit.request.query_params.get("done"),
    }
