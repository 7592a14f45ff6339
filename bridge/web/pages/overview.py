"""The first page: what is wrong now, what runs, and what has ended."""

from collections.abc import Sequence
from typing import ClassVar, Final

from starlette.responses import Response

from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.missed import MissedRef, MissedState
from bridge.model.notice import NoticeState
from bridge.store.reports import FailingRef
from bridge.store.values import BuildFilter, Cursor, DeliveryFilter, HealthRecord, NoticeFilter
from bridge.web.pages.forms import local_path
from bridge.web.pages.i18n import LANGUAGES
from bridge.web.pages.visit import LANGUAGE, PageRoute, Subject, Visit

_OPEN: Final = tuple(state for state in BuildState if not state.terminal)
_ENDED: Final = tuple(state for state in BuildState if state.terminal)
_SHOWN: Final = 10
_UNKNOWN: Final = 5
_MISSED: Final = 100
_DAY: Final = 86_400.0
_YEAR: Final = 365 * 86_400
_FIRST: Final = Cursor()


class OverviewPages(Subject):
    """The overview."""

    async def show(self, visit: Visit) -> Response:
        builds, who = self.core.builds, visit.principal
        is_open, ended = BuildFilter(states=_OPEN), BuildFilter(states=_ENDED)
        unknown = BuildFilter(states=[BuildState.UNKNOWN])
        failing = await self._failing(visit)
        return visit.page(
            "overview.html",
            running=await builds.page(who, _FIRST, _SHOWN, is_open),
            ended=await builds.page(who, _FIRST, _SHOWN, ended),
            unknown=await builds.page(who, _FIRST, _UNKNOWN, unknown),
            down=await self._down(visit),
            dead=await self._dead(visit),
            missed=await self._missed(visit),
            failing=failing[:_SHOWN],
            more_failing=len(failing) - _SHOWN,
        )

    async def _failing(self, visit: Visit) -> list[FailingRef]:
        """The branches and tags that fail, of repositories that build; those shown were not deleted since."""
        who, rules = visit.principal, self.core.keeper.in_force.rules
        async with self.core.one_list:
            found = await self.core.store.reports.failing(frozenset() if who is None else who.namespaces)
        known = [one for one in found if (one.namespace, one.repo_name) in rules.repositories]
        shown: list[FailingRef] = []
        while known and len(shown) < _SHOWN:
            one = known.pop(0)
            code = rules.repositories[one.namespace, one.repo_name].build_config.code_repository
            moves = await self.core.store.deliveries.moves(code, one.ref)
            if not moves or moves[-1].after:
                shown.append(one)
        return shown + known

    async def _missed(self, visit: Visit) -> list[MissedRef]:
        """The pushes of the last day that no webhook reported, and that were not built, either."""
        if visit.principal is None:
            return []
        found = await self.core.health.missed(visit.principal, _MISSED)
        since = self.core.clock() - _DAY
        return [one for one in found if one.state is MissedState.NAMED and one.at >= since]

    async def _down(self, visit: Visit) -> list[HealthRecord]:
        """What does not work, as far as the reader may know."""
        if visit.principal is None:
            return []
        names = self.core.keeper.in_force.files.names
        parts = {f"builder:{name}" for name in names.builders} | {
            f"channel:{name}" for name in names.channels
        }
        sees_all = visit.principal.namespaces is None
        found = [one for one in await self.core.store.health.all() if one.down_since is not None]
        return [one for one in found if sees_all or one.name in parts]

    async def _dead(self, visit: Visit) -> dict[str, int]:
        """How many deliveries and notices ended without an effect."""
        if visit.principal is None:
            return {"deliveries": 0, "notices": 0}
        deliveries = DeliveryFilter(state=DeliveryState.DEAD)
        notices = NoticeFilter(state=NoticeState.DEAD)
        return {
            "deliveries": (await self.core.deliveries.page(visit.principal, _FIRST, 1, deliveries)).count,
            "notices": (await self.core.notices.page(visit.principal, _FIRST, 1, notices)).count,
        }

    async def choose_language(self, visit: Visit) -> Response:
        """Keep the language that a reader chooses, in a cookie."""
        self.callers.own_pages.require(visit.request)
        form = await visit.form()
        answer = visit.go(local_path(form["next"]))
        if form["to"] in LANGUAGES:
            answer.set_cookie(LANGUAGE, form["to"], max_age=_YEAR, httponly=True, samesite="lax")
        return answer

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute("GET", "/", show),
        PageRoute("POST", "/language", choose_language),
    )
