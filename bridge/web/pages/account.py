"""The page about who reads: what the reader may do, which browsers are signed in, how times are shown."""

from collections.abc import Sequence
from typing import ClassVar, Final

from starlette.responses import Response

from bridge.web.api.queries import SessionQuery
from bridge.web.pages.visit import TIMES, PageRoute, Subject, Visit

_YEAR: Final = 365 * 86_400
_OF_SERVER: Final = "server"
_OF_READER: Final = "reader"


class AccountPages(Subject):
    """The account of the reader."""

    async def show(self, visit: Visit) -> Response:
        caller = visit.caller
        issued = None
        if caller.token_id is not None:
            issued = await self.core.store.tokens.get(caller.token_id)
        found = await self.core.sessions.own_page(caller, visit.query(SessionQuery, "done").cursor)
        return visit.page(
            "account.html",
            issued=issued,
            sessions=found.rows,
            beside=visit.neighbours(found, lambda session: session.place),
            sign_out=self.settings.sign_out,
            done=visit.request.query_params.get("done") == "ended",
        )

    async def end_session(self, visit: Visit) -> Response:
        """Sign another browser out, or this one."""
        return await self.end_a_session(visit, "/account")

    async def choose_times(self, visit: Visit) -> Response:
        """Keep whose time zone a reader wants, in a cookie."""
        self.callers.own_pages.require(visit.request)
        form = await visit.form()
        answer = visit.go("/account")
        if form["to"] in {_OF_SERVER, _OF_READER}:
            answer.set_cookie(TIMES, form["to"], max_age=_YEAR, httponly=True, samesite="lax")
        return answer

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute("GET", "/account", show),
        PageRoute("POST", "/account/times", choose_times),
        PageRoute("POST", "/account/sessions/{session_id}/end", end_session),
    )
