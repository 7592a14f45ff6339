"""Tells on the screen what the watch sees, each beat once."""

from collections.abc import Callable
from typing import Final

import anyio

from bridge.demo.screen import Screen
from bridge.demo.watch import Beat, Course, Watch, beats
from bridge.model.build import BuildState
from bridge.rules.match import RuleSet

_LOOK_SECONDS: Final = 0.03


class Narrator:
    """The timeline of all pushes; `check` raises when there is no point in going on."""

    def __init__(self, watch: Watch, rules: RuleSet, screen: Screen, check: Callable[[], None]) -> None:
        self._watch = watch
        self._rules = rules
        self._screen = screen
        self._check = check
        self._begun: dict[str, float] = {}
        self._said: dict[str, set[Beat]] = {}
        self._last: str | None = None

    async def follow(self, since: float, seconds: float) -> Course | None:
        """Tell the next new delivery to its end, its push begun at `since` (Unix seconds), for so long."""
        course = None
        with anyio.move_on_after(seconds):
            while course is None or not course.done:
                course = next((one for one in await self._news(since) if one.id == self._last), course)
                self._check()
                await anyio.sleep(_LOOK_SECONDS)
        return course

    async def listen(self) -> None:
        """Tell every delivery, for ever; times count from its reception."""
        while True:
            await self._news(None)
            self._check()
            await anyio.sleep(_LOOK_SECONDS)

    async def _news(self, since: float | None) -> list[Course]:
        courses = [course for course in await self._watch.look() if course.judged]
        for course in courses:
            self._tell(course, since)
        return courses

    def _tell(self, course: Course, since: float | None) -> None:
        said = self._said.setdefault(course.id, set())
        if fresh := [beat for beat in beats(course, self._rules) if beat not in said]:
            if since is None and course.id != self._last:
                self._screen.heading(f"A push of {course.title}{', continued' if said else ''}")
            self._last = course.id
            begun = self._begun.setdefault(course.id, since or course.row.delivery.received_at)
            for beat in fresh:
                self._screen.beat(beat, begun)
            said.update(fresh)
        # The end may come without news: the robot has the message before the store knows of it.
        if course.done:
            self._show_failures(course)
            del self._said[course.id], self._begun[course.id]

    def _show_failures(self, course: Course) -> None:
        for told in course.told:
            if told.accepted and any(build.state is BuildState.FAILED for build in course.builds):
                self._screen.message(told.accepted)
