"""The pages of admins about tokens, and about the browsers that are signed in with them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar, Final

from starlette.responses import Response

from bridge.model.access import IssuedToken, Role
from bridge.web.api.core.access import require
from bridge.web.api.core.errors import Conflict, Invalid
from bridge.web.api.queries import PageQuery, SessionQuery
from bridge.web.pages.failures import labelled
from bridge.web.pages.forms import Form
from bridge.web.pages.visit import SEE_OTHER, PageRoute, Subject, Visit

_LIFETIMES: Final[Mapping[str, timedelta | None]] = {
    "never": None,
    **{str(days): timedelta(days=days) for days in (7, 30, 90, 365)},
}
"""How long a token may be valid, by the number of days."""
_KINDS: Final = {"token": False, "access_key": True}
"""Whether each kind has an access key."""
_DONE: Final = frozenset({"revoked", "ended"})


class TokenPages(Subject):
    """Tokens and sessions of all."""

    async def show_list(self, visit: Visit) -> Response:
        found = await self.core.tokens.page(visit.caller, visit.query(PageQuery, "done").cursor)
        return visit.page(
            "tokens.html",
            page=found,
            beside=visit.neighbours(found, lambda token: token.id),
            lifetimes=[one for one in _LIFETIMES if one != "never"],
            done=_done(visit),
        )

    async def add(self, visit: Visit) -> Response:
        """Make a token, and show it this once."""
        require(visit.caller, Role.ADMIN)
        form = await visit.form()
        issued, secrets = await self._added(visit, form)
        known = {namespace for namespace, _ in self.core.keeper.in_force.rules.repositories}
        unknown = sorted((issued.namespaces or frozenset()) - known)
        answer = visit.page("token_made.html", issued=issued, secrets=secrets, unknown=unknown)
        answer.headers["cache-control"] = "no-store"
        return answer

    async def _added(self, visit: Visit, form: Form) -> tuple[IssuedToken, Mapping[str, str]]:
        """Raises Invalid, and Conflict for a form that is sent twice."""
        try:
            role, lifetime = Role(form["role"]), _LIFETIMES[form["lifetime"]]
            has_access_key = _KINDS[form["kind"]]
        except (ValueError, KeyError):
            raise Invalid([str(visit.text("tokens.incomplete"))]) from None
        async with self._attempts.of(visit.caller, form.key, visit.request) as attempt:
            if attempt.answer is not None:
                raise Conflict(str(visit.text("tokens.made_before")))
            made = await self.core.tokens.add(
                visit.caller,
                name=form["name"],
                role=role,
                namespaces=form.names("namespaces"),
                lifetime=lifetime,
                has_access_key=has_access_key,
                origin=visit.origin,
            )
            # Nothing of the token is kept.
            await attempt.keep(Response(status_code=SEE_OTHER, media_type="text/plain"))
            return made

    async def show(self, visit: Visit) -> Response:
        """One token, and how it is revoked."""
        token = await self.core.tokens.one(visit.caller, visit.path["token_id"])
        return visit.page("token.html", token=token, state=token.state(visit.now))

    async def revoke(self, visit: Visit) -> Response:
        caller, token_id = visit.caller, visit.path["token_id"]
        await self.core.tokens.revoke(caller, token_id, visit.origin)
        return visit.go("/admin/tokens", done="revoked")

    async def show_sessions(self, visit: Visit) -> Response:
        found = await self.core.sessions.page(visit.caller, visit.query(SessionQuery, "done").cursor)
        beside = visit.neighbours(found, lambda session: session.place)
        return visit.page("sessions.html", page=found, beside=beside, done=_done(visit))

    async def end_session(self, visit: Visit) -> Response:
        require(visit.caller, Role.ADMIN)
        return await self.end_a_session(visit, "/admin/sessions")

    routes: ClassVar[Sequence[PageRoute]] = (
        PageRoute("GET", "/admin/tokens", show_list),
        PageRoute(
            "POST",
            "/admin/tokens",
            add,
            labelled(name="tokens.name", namespaces="tokens.namespaces", lifetime="tokens.lifetime"),
        ),
        PageRoute("GET", "/admin/tokens/{token_id}", show),
        PageRoute("POST", "/admin/tokens/{token_id}/revoke", revoke),
        PageRoute("GET", "/admin/sessions", show_sessions),
        PageRoute("POST", "/admin/sessions/{session_id}/end", end_session),
    )


def _done(visit: Visit) -> str | None:
    """What was done before this page, if that is known."""
    given = visit.request.query_params.get("done")
    return given if given in _DONE else None
