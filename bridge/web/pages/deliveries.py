"""The pages about deliveries: the list, one with what was decided about it, and several to evaluate again."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import ClassVar, Final

from starlette.responses import Response

from bridge.model.access import Role
from bridge.model.build import Build
from bridge.model.delivery import DeliveryState
from bridge.model.plan import RepositoryKey
from bridge.rules import manual, reconciled, scheduled
from bridge.store.activity import Rejected
from bridge.store.values import Cursor, DeliveryHead, NoticeFilter, NoticeRow
from bridge.web.api.core.access import require
from bridge.web.api.core.errors import NotFound
from bridge.web.api.operation import query_of
from bridge.web.api.pages import PAGE_SIZE
from bridge.web.api.queries import DeliveryQuery
from bridge.web.pages.bodies import readable
from bridge.web.pages.decisions import RefDecision, decisions_of, without_folders
from bridge.web.pages.failures import labelled
from bridge.web.pages.forms import Form, following
from bridge.web.pages.ignored import unwanted
from bridge.web.pages.visit import PageRoute, Subject, Visit

MAX_CHOSEN: Final = 50
"""So many deliveries are evaluated again at once."""
_BUILDS: Final = 20
_WITH_NOTICES: Final = 5
"""So many builds of a delivery have their notices beside them."""
_NOTICES: Final = 20
_REJECTED: Final = 5
_OTHER: Final = re.compile(r"(?:as|redelivery of) ([0-9a-f-]{36})")
_NARROW: Final = ("repo", "ref", "sha", "until", "namespace", "repo_name")
_FILTERS: Final = ("source", "state", *_NARROW)


class DeliveryPages(Subject):
    """What Git hosts sent, and what became of it."""

    async def show_list(self, visit: Visit) -> Response:
        caller = visit.caller
        given = {name: text for name, text in visit.request.query_params.multi_items() if text}
        query = _query(given)
        page = await self.core.deliveries.page(caller, query.cursor, PAGE_SIZE, query.filter)
        sees_all = caller.namespaces is None
        return visit.page(
            "deliveries.html",
            page=replace(page, rows=[_shown(head) for head in page.rows]),
            unwanted=await unwanted(self.core, page.rows if sees_all else ()),
            given={**dict.fromkeys((*_FILTERS, "done"), ""), **given},
            until=_shown_time(query.until),
            filtered=any(name in given for name in _FILTERS),
            narrowed=any(visit.typed(name, given.get(name)) for name in _NARROW),
            sees_all=sees_all,
            beside=visit.neighbours(page, lambda head: head.id),
            oldest=None if page.rows else await self._oldest(visit),
            hooks=self._hooks() if sees_all else [],
            rejected=await self._rejected() if sees_all else [],
            source_options=[
                *((name, name) for name in self._sources()),
                (manual.FORGE, visit.text("deliveries.source_manual")),
                (scheduled.FORGE, visit.text("deliveries.source_schedule")),
                (reconciled.FORGE, visit.text("deliveries.source_reconcile")),
            ],
            state_options=[(state.value, visit.text(f"state.{state}")) for state in DeliveryState],
        )

    async def _oldest(self, visit: Visit) -> DeliveryHead | None:
        """The first delivery that is still stored, of those that the reader may see."""
        page = await self.core.deliveries.page(visit.caller, Cursor(after=""), 1, _query({}).filter)
        return page.rows[0] if page.rows else None

    async def _rejected(self) -> Sequence[Rejected]:
        return (await self.core.store.activity.rejections())[:_REJECTED]

    def _sources(self) -> Sequence[str]:
        return self.core.keeper.in_force.files.names.sources.names

    def _hooks(self) -> list[str]:
        """The addresses that Git hosts are to call."""
        base = (self.settings.public_url or "").rstrip("/")
        return [f"{base}/hooks/{name}" for name in self._sources()]

    async def show_one(self, visit: Visit) -> Response:
        row, steps, builds = await self.core.deliveries.one(visit.caller, visit.path["delivery_id"])
        refs = decisions_of(row.explanation, self._place, self.core.keeper.in_force.rules.repositories.get)
        text, is_whole = readable(row.delivery.body)
        return visit.page(
            "delivery.html",
            row=row,
            head=_shown(row.head),
            steps=[
                (replace(step, detail=without_folders(step.detail)), _other(step.detail)) for step in steps
            ],
            refs=refs,
            unwanted=refs[0] if len(refs) == 1 and refs[0].is_unwanted else None,
            builds=builds[:_BUILDS],
            build_count=len(builds),
            notices=await self._notices(visit, builds),
            body=text,
            body_is_whole=is_whole,
            unpushed=row.delivery.forge in {manual.FORGE, scheduled.FORGE, reconciled.FORGE},
            blamed=_blamed(refs),
            done=visit.request.query_params.get("done", ""),
            base=(self.settings.public_url or "").rstrip("/"),
        )

    def _place(self, key: RepositoryKey) -> str:
        return self.core.keeper.in_force.rules.places.get(key, "")

    async def _notices(self, visit: Visit, builds: Sequence[Build]) -> list[NoticeRow]:
        found: list[NoticeRow] = []
        for build in builds[:_WITH_NOTICES]:
            only = NoticeFilter(build_id=build.id)
            found += (await self.core.notices.page(visit.caller, Cursor(), _NOTICES, only)).rows[::-1]
        return found

    async def redeliver(self, visit: Visit) -> Response:
        """Have one evaluated again."""

        async def act(_form: Form, claim_id: str) -> str:
            old = visit.path["delivery_id"]
            new = await self.core.deliveries.redeliver(visit.caller, old, visit.origin, claim_id)
            return f"/deliveries/{new}?done=redelivered"

        return await self.done_once(visit, act)

    async def show_chosen(self, visit: Visit) -> Response:
        """Those that a reader has chosen, before anything is done with them."""
        require(visit.caller, Role.MEMBER)
        chosen = dict.fromkeys(visit.request.query_params.getlist("id"))
        heads = []
        for delivery_id in [*chosen][:MAX_CHOSEN]:
            try:
                row, _, _ = await self.core.deliveries.one(visit.caller, delivery_id)
            except NotFound:
                continue
            heads.append(_shown(row.head))
        return visit.page("redeliver.html", heads=heads, left_out=len(chosen) - len(heads))

    async def redeliver_chosen(self, visit: Visit) -> Response:
        """Have several evaluated again; those that have gone meanwhile are left out."""
        require(visit.caller, Role.MEMBER)

        async def act(form: Form, claim_id: str) -> str:
            for place, delivery_id in enumerate([*dict.fromkeys(form.all("id"))][:MAX_CHOSEN]):
                new_id = following(claim_id, place)
                try:
                    await self.core.deliveries.redeliver(visit.caller, delivery_id, visit.origin, new_id)
                except NotFound:
                    continue
            return "/deliveries?done=redelivered"

        return await self.done_once(visit, act)

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute(
            "GET",
            "/deliveries",
            show_list,
            labelled(
                state="deliveries.outcome",
                source="deliveries.source",
                repo="deliveries.repo",
                ref="deliveries.ref",
                sha="deliveries.sha",
                namespace="deliveries.namespace",
                repo_name="deliveries.repo_name",
                until="deliveries.until",
            ),
        ),
        PageRoute("GET", "/deliveries/redeliver", show_chosen),
        PageRoute("POST", "/deliveries/redeliver", redeliver_chosen),
        PageRoute("GET", "/deliveries/{delivery_id}", show_one),
        PageRoute("POST", "/deliveries/{delivery_id}/redeliver", redeliver),
    )


def _query(given: dict[str, str]) -> DeliveryQuery:
    """What the filters ask for; a time without a zone is one of this machine. Raises Invalid."""
    items = {name: text for name, text in given.items() if name != "done"}
    if "until" in items:
        items["until"] = _with_zone(items["until"])
    return query_of([*items.items()], DeliveryQuery)


def _with_zone(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if moment.tzinfo else moment.astimezone().isoformat()


def _shown_time(at: float | None) -> tuple[str, str]:
    """A time for a field, in the zone of this machine, and the same for scripts."""
    if at is None:
        return "", ""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment.astimezone():%Y-%m-%dT%H:%M:%S}", f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _shown(head: DeliveryHead) -> DeliveryHead:
    return replace(head, detail=without_folders(head.detail))


def _blamed(refs: Sequence[RefDecision]) -> str:
    """The first rule that is for the code and builds nothing of it, to begin with in the rule tester."""
    rules = [rule for ref in refs for rule in ref.rules if not rule.matches]
    return f"{rules[0].namespace}/{rules[0].repo_name}" if rules else ""


def _other(detail: str) -> str:
    """The other delivery that a step is about; empty where it is about none."""
    found = _OTHER.fullmatch(detail)
    return found[1] if found else ""
