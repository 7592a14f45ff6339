"""The calls of our own API about tokens and sessions."""

from typing import Annotated, ClassVar, Final

from pydantic import Field
from typing_extensions import TypedDict

from bridge.config.settings import Positive
from bridge.config.types import Strict
from bridge.model.access import IssuedToken, Role, TokenState
from bridge.model.session import Session
from bridge.runtime.clock import when
from bridge.web.api.core.core import Core
from bridge.web.api.core.tokens import MAX_NAME, MAX_NAMESPACES
from bridge.web.api.documents import TokenDocument, token_document
from bridge.web.api.operation import Call, Dialect, Operation

_TOKEN: Final = "/v1/tokens/{token_id}"  # noqa: S105  # a path
_SESSION: Final = "/v1/sessions/{session_id}"
_Namespace = Annotated[str, Field(min_length=1, max_length=255)]


class NewToken(Strict):
    """A token, or an access key and its secret key, for a person or a program."""

    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
    """Who it is for."""
    role: Annotated[Role, Field(strict=False)]
    """A viewer reads, a member also triggers, cancels, retries and edits, an admin does everything."""
    namespaces: Annotated[tuple[_Namespace, ...], Field(strict=False, max_length=MAX_NAMESPACES)] = ()
    """Only there; if left out, in all of them."""
    lifetime: Positive | None = None
    """How long it is valid, such as 90d; if left out, it never expires."""
    access_key: bool = False
    """Whether to make an access key and a secret key."""


class ShownToken(TokenDocument):
    """A token as it is listed."""

    state: TokenState


class MadeToken(ShownToken):
    """A new token, or a new access key: its secret is in no other answer."""

    token: str | None
    secret_key: str | None


class SessionDocument(TypedDict):
    """A browser in which somebody is signed in with a token."""

    id: str
    name: str
    """The name of the token."""
    role: Role
    token_id: str | None
    """Null for one of api.tokens."""
    created_at: str
    seen_at: str
    """When it was last used, a minute exact."""
    ends_at: str
    """When it ends if it is not used any more."""
    address: str
    """From where somebody has signed in."""
    agent: str
    """What the browser says of itself."""
    is_this: bool
    """Whether this request came with it."""


def session_document(session: Session, this: str | None) -> SessionDocument:
    return {
        "id": session.id,
        "name": session.name,
        "role": session.role,
        "token_id": session.token_id,
        "created_at": when(session.created_at),
        "seen_at": when(session.seen_at),
        "ends_at": when(session.ends_at),
        "address": session.address,
        "agent": session.agent,
        "is_this": session.id == this,
    }


class TokenCalls(Dialect):
    """The views."""

    _core: Core

    async def list_tokens(self, call: Call) -> list[ShownToken]:
        """List tokens and access keys, the newest first, at most 1000; for admins."""
        return [self._shown(one) for one in await self._core.tokens.newest(call.caller)]

    async def add_token(self, call: Call, body: NewToken) -> MadeToken:
        """Make a token; what is secret of it is in this answer only. For admins."""
        issued, secrets = await self._core.tokens.add(
            call.caller,
            name=body.name,
            role=body.role,
            namespaces=body.namespaces,
            lifetime=body.lifetime,
            has_access_key=body.access_key,
            origin=call.origin,
        )
        token, secret_key = secrets.get("token"), secrets.get("secret_key")
        return {**self._shown(issued), "token": token, "secret_key": secret_key}

    async def revoke_token(self, call: Call) -> ShownToken:
        """Make a token or an access key void, at once, and end the sessions that it began. For admins."""
        found = await self._core.tokens.revoke(call.caller, call.path["token_id"], call.origin)
        return self._shown(found)

    async def list_sessions(self, call: Call) -> list[SessionDocument]:
        """List the browsers that are signed in with the caller's token, the newest first, at most 1000.

        Admins get those of all.
        """
        found = await self._core.sessions.newest(call.caller)
        return [session_document(one, call.caller.session_id) for one in found]

    async def end_session(self, call: Call) -> None:
        """Sign a browser out."""
        await self._core.sessions.end(call.caller, call.path["session_id"], call.origin)

    def _shown(self, issued: IssuedToken) -> ShownToken:
        return {**token_document(issued), "state": issued.state(self._core.clock())}

    token_operations: ClassVar[tuple[Operation, ...]] = (
        Operation("GET", "/v1/tokens", list_tokens),
        Operation("POST", "/v1/tokens", add_token, status=201, keyed=False),
        Operation("DELETE", _TOKEN, revoke_token),
        Operation("GET", "/v1/sessions", list_sessions),
        Operation("DELETE", _SESSION, end_session),
    )
