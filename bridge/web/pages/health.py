"""The page about the health of the bridge: what works since when, what does not and why, and what waits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import ClassVar, Final

from starlette.responses import Response

from bridge.errors import ConfigError, Fault
from bridge.model.access import Role
from bridge.web.api.core.access import require
from bridge.web.api.core.errors import NotFound
from bridge.web.api.core.health import MAX_LISTED
from bridge.web.pages.forms import Form
from bridge.web.pages.sentences import faults
from bridge.web.pages.visit import PageParts, PageRoute, Subject, Visit

_ENDS: Final = frozenset({"ok", "retry", "unknown", "ratelimited", "dead", "suppressed"})
"""How the answers of tests begin."""
MAX_KEPT: Final = 100
"""So many answers can be looked at again until the next start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a test (`part`) or a reload has shown, when; `said` may be a stranger's text."""

    at: float
    part: str = ""
    worked: bool = True
    said: str = ""
    changes: Mapping[str, object] = field(default_factory=dict)
    faults: Sequence[Fault] = ()


class HealthPages(Subject):
    """The page, tests of builders and channels, and a reload."""

    def __init__(self, parts: PageParts) -> None:
        super().__init__(parts)
        self._answers = parts.answers

    async def show(self, visit: Visit) -> Response:
        found, whole = await self.core.health.parts(visit.caller)
        by_kind = {
            kind: [part for part in found if part.kind == kind] for kind in ("builder", "channel", "other")
        }
        down = sum(part.record.down_since is not None for part in found)
        return visit.page(
            "health.html", parts=by_kind, whole=whole, down=down, may_test=visit.may(Role.ADMIN)
        )

    async def ask_test(self, visit: Visit) -> Response:
        """What the test will do, before it is done."""
        part = self.core.health.known(visit.caller, visit.request.query_params.get("part", ""))
        return visit.page("health_test.html", part=part)

    async def test(self, visit: Visit) -> Response:
        """One real call, and its answer in words."""

        async def act(form: Form, _claim_id: str) -> str:
            part = self.core.health.known(visit.caller, form["part"])
            tested = await self.core.health.test(visit.caller, part, visit.origin)
            worked, said = (False, "") if tested is None else tested
            return self._kept(Answer(at=self.core.clock(), part=part, worked=worked, said=_bare(part, said)))

        return await self.done_once(visit, act)

    async def reload(self, visit: Visit) -> Response:
        """Use the configuration, the secrets and the rules on disk."""

        async def act(_form: Form, _claim_id: str) -> str:
            try:
                done = await self.core.health.reload(visit.caller, visit.origin)
            except ConfigError as error:
                found = error.faults[:MAX_LISTED]
                return self._kept(Answer(at=self.core.clock(), worked=False, faults=found))
            return self._kept(Answer(at=self.core.clock(), changes=done.document(MAX_LISTED)))

        return await self.done_once(visit, act)

    def _kept(self, answer: Answer) -> str:
        """The address at which admins see it, until the next start."""
        name = token_urlsafe(12)
        self._answers[name] = answer
        if len(self._answers) > MAX_KEPT:
            del self._answers[next(iter(self._answers))]
        return f"/health/answers/{name}"

    async def show_answer(self, visit: Visit) -> Response:
        require(visit.caller, Role.ADMIN)
        answer = self._answers.get(visit.path["id"])
        if answer is None:
            raise NotFound("this answer is known no longer: test or reload once more")
        say = faults(visit.language)
        found = [(one.place, one.path, say(one.problem)) for one in answer.faults]
        return visit.page("health_answer.html", answer=answer, faults=found)

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute("GET", "/health", show),
        PageRoute("GET", "/health/test", ask_test),
        PageRoute("POST", "/health/test", test),
        PageRoute("POST", "/health/reload", reload),
        PageRoute("GET", "/health/answers/{id}", show_answer),
    )


def _bare(part: str, said: str) -> str:
    """What was said, without the word for how it ended and without the name, which the page has."""
    head, colon, rest = said.partition(": ")
    return rest if colon and head in {*_ENDS, part.partition(":")[2]} else said
