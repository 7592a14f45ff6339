"""How a browser signs in with a token, and out again."""

import re
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from typing import ClassVar, Final

from starlette.responses import Response

from bridge.web.api.answers import headers_of
from bridge.web.api.core.errors import CallError, NotFound, TooManyRequests, Unauthenticated, UnknownToken
from bridge.web.api.languages import said
from bridge.web.pages.forms import local_path
from bridge.web.pages.visit import PageRoute, Subject, Visit

_NO_STORE: Final = "no-store"
_BEFORE: Final = ("out", "ended", "undone")
"""What was before this page: the reader has signed out, the session had ended, a form was not done."""
_PREFIX: Final = re.compile(r"(?:authorization:\s*)?(?:bearer|token)\s+", re.IGNORECASE)
"""What stands before a token in a header."""


class SignInPages(Subject):
    """The form for a token; whom a proxy has signed in needs none."""

    async def show(self, visit: Visit) -> Response:
        wanted = local_path(visit.request.query_params.get("next", "/"))
        before = [one for one in _BEFORE if one in visit.request.query_params]
        return self._form(visit, wanted, before=before)

    async def sign_in(self, visit: Visit) -> Response:
        """Give the browser a session; the one that it has had ends, for another person may have set it."""
        request = visit.request
        self.callers.own_pages.require(request)
        form = await visit.form()
        token, wanted = _bare(form["token"]), local_path(form["next"])
        try:
            principal = await self.callers.sign_in(request, None, token)
        except (Unauthenticated, TooManyRequests) as error:
            answer = self._form(visit, wanted, status=error.status, why=_why(visit, error))
            answer.headers.update(headers_of(error))
            return answer
        await self._end(visit)
        agent = request.headers.get("user-agent", "")
        secret = await self.core.sessions.start(principal, token, origin=visit.origin, agent=agent)
        answer = visit.go(wanted)
        self.callers.cookie.put(answer, secret)
        answer.headers["cache-control"] = _NO_STORE
        return answer

    async def sign_out(self, visit: Visit) -> Response:
        """End the session of this browser."""
        self.callers.own_pages.require(visit.request)
        await self._end(visit)
        return self.signed_out(visit)

    async def _end(self, visit: Visit) -> None:
        who = visit.principal
        if who is None or who.session_id is None:
            return
        with suppress(NotFound):  # another window was first
            await self.core.sessions.end(who, who.session_id, visit.origin)

    def _form(
        self,
        visit: Visit,
        wanted: str,
        *,
        status: int = 200,
        why: str | None = None,
        before: Sequence[str] = (),
    ) -> Response:
        answer = visit.page(
            "sign_in.html",
            status,
            wanted=wanted,
            why=why,
            before=before,
            sign_out=self.settings.sign_out,
        )
        answer.headers["cache-control"] = _NO_STORE
        return answer

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute("GET", "/sign-in", show),
        PageRoute("POST", "/sign-in", sign_in),
        PageRoute("POST", "/sign-out", sign_out),
    )


def _bare(pasted: str) -> str:
    """The token in what was pasted; one that was copied from a terminal is broken into lines."""
    prefix = _PREFIX.match(pasted)
    return "".join(pasted[prefix.end() if prefix else 0 :].split())


def _why(visit: Visit, error: CallError) -> str:
    """Why the token signs no one in, for who has pasted it."""
    if isinstance(error, UnknownToken):
        return visit.text("sign_in.unknown")
    if isinstance(error, TooManyRequests):
        return visit.text("sign_in.too_many", count=ceil(error.after))
    return said(error, visit.language)[0]
