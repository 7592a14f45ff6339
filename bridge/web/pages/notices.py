"""The pages about notices and in-app messages: who was to hear what, and why someone did not."""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal

import anyio.to_thread
from starlette.responses import Response

from bridge.model.access import Role
from bridge.model.language import translator
from bridge.model.notice import EventName, NoticeState
from bridge.model.silence import Silence
from bridge.store.values import NoticeRow, Step
from bridge.web.api.core.chinese import NOTICE_STEPS
from bridge.web.api.core.errors import CallError, Invalid
from bridge.web.api.pages import PAGE_SIZE
from bridge.web.api.queries import MessageQuery, NoticeQuery
from bridge.web.api.silence_documents import matcher_text
from bridge.web.pages.failures import labelled
from bridge.web.pages.forms import Form, following
from bridge.web.pages.sentences import event_phrases
from bridge.web.pages.visit import PageRoute, Subject, Visit

Verb = Literal["replay", "drop"]

_VERBS: Final[Mapping[str, Verb]] = {"replay": "replay", "drop": "drop"}
_COUNT: Final = re.compile("[0-9]{1,6}")
_DONE: Final = frozenset({"replayed", "dropped", "silence_ended"})
_REASONS: Final = frozenset({"config", "content", "damaged", "dropped", "expired", "fallback", "silence"})
"""The reasons that are explained; a text `notices.reason_…` for each."""
_STEPS: Final = frozenset({*NoticeState, "retry", "replayed", "moved", "digest"})
_OPEN: Final = frozenset({NoticeState.PENDING, NoticeState.SENDING})
_DONE_OF: Final[Mapping[Verb, str]] = {"replay": "replayed", "drop": "dropped"}


@dataclass(frozen=True, slots=True)
class ShownSilence:
    """A silence in force, what it holds in a line, and whether the reader may end it."""

    silence: Silence
    holds: str
    may_end: bool


class NoticePages(Subject):
    """Notices, those that were chosen of a list, silences in force, and messages."""

    async def show_list(self, visit: Visit) -> Response:
        query, who = visit.query(NoticeQuery, "done", "count", "failed"), visit.caller
        page = await self.core.notices.page(who, query.cursor, PAGE_SIZE, query.filter)
        return visit.page(
            "notices.html",
            page=page,
            query=query,
            beside=visit.neighbours(page, lambda row: row.notice.id),
            silences=await self._silences(visit),
            states=[(state.value, _word(visit, state)) for state in NoticeState],
            channels=[(name, name) for name in self.core.keeper.in_force.files.names.channels],
            phrases=event_phrases(visit.language),
            may_choose=any(visit.may(Role.MEMBER, row.namespace) for row in page.rows),
            **_done(visit),
        )

    async def show_one(self, visit: Visit) -> Response:
        row, steps = await self.core.notices.one(visit.caller, visit.path["id"])
        may_change = visit.may(Role.MEMBER, row.namespace)
        return visit.page(
            "notice.html",
            row=row,
            steps=[_shown_step(visit, step) for step in steps],
            phrases=event_phrases(visit.language),
            reason=row.reason if row.reason in _REASONS else None,
            may_replay=may_change and row.state not in _OPEN,
            may_drop=may_change and row.state is NoticeState.PENDING and row.digest_id is None,
            preview=await self._preview(visit, row),
            is_down=await self._is_down(row.notice.channel),
            **_done(visit),
        )

    async def replay(self, visit: Visit) -> Response:
        """Send one once more, and go to the new one."""

        async def act(_form: Form, claim_id: str) -> str:
            new_id = await self.core.notices.replay(visit.caller, visit.path["id"], visit.origin, claim_id)
            return f"/notices/{new_id}?done=replayed"

        return await self.done_once(visit, act)

    async def drop(self, visit: Visit) -> Response:
        await visit.form()
        row = await self.core.notices.drop(visit.caller, visit.path["id"], visit.origin)
        return visit.go(f"/notices/{row.notice.id}", done="dropped")

    async def show_chosen(self, visit: Visit) -> Response:
        """How many of those that were chosen can be sent once more, or dropped, before that is done."""
        verb = _verb(visit.request.query_params.get("do", ""))
        ids = visit.request.query_params.getlist("id")
        rows = await self._chosen(visit, ids)
        can = [row for row in rows if _can(visit, row, verb)]
        return visit.page(
            "notices_chosen.html",
            verb=verb,
            can=can,
            others=len(rows) - len(can),
            phrases=event_phrases(visit.language),
        )

    async def do_chosen(self, visit: Visit) -> Response:
        """Do it with each of them; one with which it is not possible any more keeps no other from it."""

        async def act(form: Form, claim_id: str) -> str:
            verb, done = _verb(form["do"]), 0
            rows = await self._chosen(visit, form.all("id"))
            for number, row in enumerate(rows):
                with suppress(CallError):
                    # Each new notice has an id of the claim: sent again, the form makes no other.
                    await self._do(visit, verb, row.notice.id, following(claim_id, number))
                    done += 1
            return f"/notices?done={_DONE_OF[verb]}&count={done}&failed={len(rows) - done}"

        return await self.done_once(visit, act)

    async def _do(self, visit: Visit, verb: Verb, notice_id: str, new_id: str) -> None:
        if verb == "drop":
            await self.core.notices.drop(visit.caller, notice_id, visit.origin)
        else:
            await self.core.notices.replay(visit.caller, notice_id, visit.origin, new_id)

    async def _chosen(self, visit: Visit, ids: Sequence[str]) -> list[NoticeRow]:
        """Those of one page of the list. Raises Invalid, NotFound."""
        wanted = list(dict.fromkeys(ids))
        if not wanted:
            raise Invalid(["id: choose notices in the list first"])
        if len(wanted) > PAGE_SIZE:
            raise Invalid([f"id: choose at most {PAGE_SIZE} notices at once"])
        return [(await self.core.notices.one(visit.caller, one))[0] for one in wanted]

    async def end_silence(self, visit: Visit) -> Response:
        await visit.form()
        await self.core.silences.end(visit.caller, visit.path["id"], visit.origin)
        return visit.go("/notices", done="silence_ended")

    async def _silences(self, visit: Visit) -> list[ShownSilence]:
        found = await self.core.silences.newest(visit.caller, only_active=True)
        may_end = self.core.silences.may_end
        return [ShownSilence(one, matcher_text(one), may_end(visit.caller, one)) for one in found]

    async def _is_down(self, channel: str) -> bool:
        known = await self.core.store.health.all()
        return any(one.name == f"channel:{channel}" and one.down_since is not None for one in known)

    async def _preview(self, visit: Visit, row: NoticeRow) -> str | None:
        """What the channel would send now, for admins; None where there is nothing to show."""
        if not visit.may(Role.ADMIN):
            return None
        shown = await anyio.to_thread.run_sync(self.core.previews, row.notice, None)
        return shown.get(row.notice.channel)

    async def show_messages(self, visit: Visit) -> Response:
        query = visit.query(MessageQuery)
        page = await self.core.notices.messages(visit.caller, query.cursor, PAGE_SIZE, query.filter)
        phrases = event_phrases(visit.language)
        return visit.page(
            "messages.html",
            page=page,
            query=query,
            beside=visit.neighbours(page, lambda row: row.id),
            events=[(event.value, phrases[event]) for event in EventName],
            phrases=phrases,
        )

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute(
            "GET",
            "/notices",
            show_list,
            labelled(
                state="notices.state",
                channel="notices.channel",
                namespace="builds.namespace",
                repo_name="builds.repository",
            ),
        ),
        PageRoute("GET", "/notices/chosen", show_chosen),
        PageRoute("POST", "/notices/chosen", do_chosen),
        PageRoute("GET", "/notices/{id}", show_one),
        PageRoute("POST", "/notices/{id}/replay", replay),
        PageRoute("POST", "/notices/{id}/drop", drop),
        PageRoute("POST", "/silences/{id}/end", end_silence),
        PageRoute(
            "GET",
            "/messages",
            show_messages,
            labelled(event="notices.event", namespace="builds.namespace", repo_name="builds.repository"),
        ),
    )


def _shown_step(visit: Visit, step: Step) -> tuple[float, str, str]:
    """When something happened, what, and what is said of it."""
    what = visit.text(f"notices.step_{step.what}") if step.what in _STEPS else step.what
    # The reason stands before what is said, and is explained above.
    reason, colon, rest = step.detail.partition(": ")
    detail = rest if colon and reason in _REASONS else step.detail
    return step.at, what, translator(visit.language, NOTICE_STEPS)(detail)


def _done(visit: Visit) -> dict[str, Any]:
    """What was done on the page before, and with how many."""
    given = visit.request.query_params
    counts = {
        name: int(text) if _COUNT.fullmatch(text := given.get(name, "")) else None
        for name in ("count", "failed")
    }
    return {"done": done if (done := given.get("done")) in _DONE else None, **counts}


def _verb(text: str) -> Verb:
    if text not in _VERBS:
        raise Invalid(["do: is neither replay nor drop"])
    return _VERBS[text]


def _can(visit: Visit, row: NoticeRow, verb: Verb) -> bool:
    if not visit.may(Role.MEMBER, row.namespace):
        return False
    if verb == "replay":
        return row.state not in _OPEN
    return row.state is NoticeState.PENDING and row.digest_id is None


def _word(visit: Visit, state: NoticeState) -> str:
    return visit.text("state.unsent" if state is NoticeState.DEAD else f"state.{state}")
