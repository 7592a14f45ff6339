"""Who sends a request: a token, an access key, a session or a proxy says who; all see public builds."""

import hmac
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import structlog
from starlette.requests import Request

from bridge.config.settings import Settings
from bridge.config.sign_in import SignInSettings
from bridge.errors import StoreError
from bridge.model.access import LOCAL_NAME, STATIC_NAME, IssuedToken, Principal, Role, TokenState
from bridge.model.session import Session
from bridge.runtime.clock import Clock, maybe_when
from bridge.runtime.events import LogEvent
from bridge.runtime.metrics import CALLERS_REJECTED
from bridge.runtime.sdk_signature import (
    ALGORITHM,
    Authorization,
    BadSdkSignature,
    SignedRequest,
    check_date,
    verify,
)
from bridge.store.base import Store
from bridge.store.callers import Sessions, Tokens
from bridge.web.api.body import body_of
from bridge.web.api.browsers import OwnPages, ProxyUsers, SessionCookie
from bridge.web.api.core.errors import CallError, TooManyRequests, Unauthenticated, UnknownToken, Unproven
from bridge.web.api.core.sessions import proof_of, session_id_of
from bridge.web.api.credentials import Credentials
from bridge.web.clients import Clients
from bridge.web.limits import AttemptLimits

log = structlog.get_logger()

_SCHEMES: Final = frozenset({"bearer", "token"})
"""Words before a token; clients of Alauda write the second one."""
_PASSWORD: Final = "basic"  # noqa: S105  # a word, not a secret
"""The word before a password, which is for a proxy in front."""
_SEEN_SECONDS: Final = 60.0
_USED_SECONDS: Final = 600.0
"""How long what is kept of the last use of a session or a token is not written anew."""
_STATIC: Final = Principal(name=STATIC_NAME, role=Role.ADMIN)
_LOCAL: Final = Principal(name=LOCAL_NAME, role=Role.ADMIN)
"""Who may write to the daemon's socket file: that user, or root. Both can read every secret."""


class Callers:
    """Tells callers apart. Of each client only so many wrong tokens are answered, and few are logged."""

    def __init__(
        self,
        static_tokens: Sequence[str],
        credentials: Credentials,
        tokens: Tokens,
        *,
        clients: Clients,
        clock: Clock,
        attempts: AttemptLimits,
        local: str | None = None,
        sessions: Sessions,
        public_url: str | None = None,
        sign_in: SignInSettings | None = None,
    ) -> None:
        self.cookie = SessionCookie(public_url)
        self.own_pages = OwnPages(public_url)
        self._proxy_users = ProxyUsers(sign_in)
        self._sessions = sessions
        self._static_tokens = [token.encode() for token in static_tokens]
        self._credentials = credentials
        self._tokens = tokens
        self._clients = clients
        self._clock = clock
        self._limits = attempts
        self._local = local

    def origin(self, request: Request) -> str:
        """Where a request comes from: the address of its client."""
        client = self._clients.of(request.scope)
        return client.client_key if client.address is None else str(client.address)

    async def principal(self, request: Request, *, of_page: bool = False) -> Principal | None:
        """Who sends it; None without any token, and for a session that has ended.

        `X-Auth-Token` counts before `Authorization`, which is `Bearer <token>`, `Token <token>`, the bare
        token, or a signature with an access key. Raises Unauthenticated for one that is not valid, for who
        sends one expects more than what is public; TooManyRequests after too many of them. What a browser
        sends unasked counts after these: the user that a proxy names, then the cookie of a session. Raises
        Forbidden where that would let another site change something. A password that comes with one of
        these, or for a page, is for a proxy in front.
        """
        try:
            return await self._principal(request, of_page=of_page)
        except Unauthenticated as error:
            raise self._rejected(request, error) from None

    async def sign_in(self, request: Request, name: str | None, token: str) -> Principal:
        """Whose token it is; with a name, it has to have that. Raises Unauthenticated and TooManyRequests."""
        try:
            return await self._named(request, name, token)
        except Unauthenticated as error:
            raise self._rejected(request, error) from None

    async def holds(self, principal: Principal) -> bool:
        """Whether what showed who this is has not been revoked, and has not ended or expired, meanwhile."""
        if principal.session_id is not None and await self._sessions.get(principal.session_id) is None:
            return False
        if principal.token_id is None:
            return True
        issued = await self._tokens.get(principal.token_id)
        return issued is not None and issued.state(self._clock()) is TokenState.VALID

    async def _named(self, request: Request, name: str | None, token: str) -> Principal:
        # What cannot stand in a header is no token.
        found = await self._by_token(request, token if token.isascii() else "")
        if name is not None and found.name != name:
            raise Unauthenticated("the token has another name than the user who signs in", Unproven.TOKEN)
        return found

    async def _principal(self, request: Request, *, of_page: bool) -> Principal | None:
        if request.scope.get("server") == (self._local, None):
            return _LOCAL
        user = self._proxy_users.of(request)
        token, value = request.headers.get("x-auth-token"), request.headers.get("authorization", "")
        scheme, _, rest = value.partition(" ")
        if scheme.lower() == _PASSWORD and (of_page or user is not None or self.cookie.is_in(request)):
            value = ""
        if self.cookie.is_in(request) or (user is not None and not token and not value):
            self.own_pages.require(request)
        if token:
            return await self._by_token(request, token)
        if not value:
            return user or await self._by_session(request)
        if scheme == ALGORITHM:
            return await self._by_signature(request, value)
        return await self._by_token(request, rest.strip() if scheme.lower() in _SCHEMES else value)

    async def _by_token(self, request: Request, text: str) -> Principal:
        client_key, now = self._clients.of(request.scope).client_key, self._clock()
        if self._limits.is_one_of(text.encode("latin-1"), self._static_tokens, client_key, now):
            return _STATIC
        token_id = self._credentials.token_id(text)
        if token_id is None:
            raise UnknownToken(
                "the token is not one of api.tokens, nor one of `buildbridge token add` that a key of "
                "api.keys has signed: ask an admin for one that is"
            )
        return await self._used(self._valid(await self._tokens.get(token_id)))

    async def _by_session(self, request: Request) -> Principal | None:
        if (secret := self.cookie.secret(request)) is None:
            return None
        if (session := await self._sessions.get(session_id_of(secret))) is None:
            return None
        principal = await self._signed_in(session, secret)
        # A disk that is full keeps no one from looking.
        with suppress(StoreError):
            if principal is None:
                await self._sessions.end(session.id, None)
            elif self._clock() - session.seen_at >= _SEEN_SECONDS:
                await self._sessions.seen(session.id)
        return None if principal is None else session.caller(principal)

    async def _signed_in(self, session: Session, secret: str) -> Principal | None:
        """The caller whose token it is; None if that holds no longer."""
        if session.token_id is None:
            proofs = [proof_of(secret, token.decode("latin-1")) for token in self._static_tokens]
            equal = [hmac.compare_digest(proof, session.proof or "") for proof in proofs]
            return _STATIC if any(equal) else None
        issued = await self._tokens.get(session.token_id)
        if issued is None or issued.state(self._clock()) is not TokenState.VALID:
            return None
        return await self._used(issued) if self._credentials.has_made(issued) else None

    async def _used(self, issued: IssuedToken) -> Principal:
        """The caller that sends it; that it was used is kept."""
        last = issued.last_used_at
        if last is None or self._clock() - last >= _USED_SECONDS:
            with suppress(StoreError):
                await self._tokens.used(issued.id)
        return issued.principal

    async def _by_signature(self, request: Request, value: str) -> Principal:
        now, scope = self._clock(), request.scope
        try:
            authorization = Authorization.read(value.encode("latin-1"))
            check_date(request.headers.get("x-sdk-date", "").encode("latin-1"), now)
            access_key = authorization.access_key
            issued = await self._tokens.by_access_key(access_key)
            secret_key = None if issued is None else self._credentials.secret_key(issued)
            if secret_key is None:
                # The body of a stranger is not read.
                raise Unauthenticated(
                    "the access key is not known here, or the key of api.keys that it was made with is gone: "
                    "ask an admin for another",
                    Unproven.SIGNATURE,
                )
            signed = SignedRequest(
                method=request.method,
                raw_path=scope["raw_path"],
                raw_query=scope["query_string"],
                headers=scope["headers"],
                body=await body_of(request),
            )
            verify(signed, {access_key: secret_key}.get, now)
        except BadSdkSignature as error:
            raise Unauthenticated(str(error), Unproven.SIGNATURE) from None
        return await self._used(self._valid(issued))

    def _valid(self, issued: IssuedToken | None) -> IssuedToken:
        """Raises Unauthenticated for a token that holds no longer."""
        if issued is None:
            raise UnknownToken(
                "the token is not in this store: it was made for another one, ask for a new one"
            )
        state = issued.state(self._clock())
        if state is TokenState.VALID:
            return issued
        is_revoked = state is TokenState.REVOKED
        at = maybe_when(issued.revoked_at if is_revoked else issued.expires_at)
        why = f"was revoked at {at}" if is_revoked else f"has expired at {at}"
        what = Unproven.TOKEN if is_revoked else Unproven.EXPIRED
        raise Unauthenticated(f"the token {why}: ask an admin for another", what)

    def _rejected(self, request: Request, error: Unauthenticated) -> CallError:
        """The answer to a wrong token."""
        client, now = self._clients.of(request.scope), self._clock()
        answer: CallError = error
        wait = self._limits.reject(client.client_key, now)
        CALLERS_REJECTED.labels("rate" if wait else error.what.value).inc()
        if wait:
            answer = TooManyRequests(f"{error}; and too many wrong tokens came from this address", wait)
        if (suppressed := self._limits.suppressed(client.client_key, now)) is not None:
            fields = {"suppressed": suppressed} if suppressed else {}
            log.warning(
                LogEvent.API_TOKEN_REJECTED,
                status=answer.status,
                reason=str(error),
                client=self.origin(request),
                **fields,
            )
        return answer


def make_callers(
    settings: Settings,
    store: Store,
    credentials: Credentials,
    *,
    clock: Clock,
    attempts: AttemptLimits,
    local: str | None,
) -> Callers:
    """Those of a configuration."""
    return Callers(
        [token.reveal() for token in settings.api.tokens],
        credentials,
        store.tokens,
        clients=Clients(settings.server.trusted_proxies),
        clock=clock,
        attempts=attempts,
        local=local,
        sessions=store.sessions,
        public_url=settings.server.public_url,
        sign_in=settings.server.sign_in,
    )
