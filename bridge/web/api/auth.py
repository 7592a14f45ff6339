"""Who sends a request: a token or an access key says who; without one only public builds are visible."""

from collections.abc import Sequence
from typing import Final

import structlog
from starlette.requests import Request

from bridge.config.settings import Settings
from bridge.model.access import IssuedToken, Principal, Role, TokenState
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
from bridge.store.callers import Tokens
from bridge.web.api.body import body_of
from bridge.web.api.core.errors import CallError, TooManyRequests, Unauthenticated, Unproven
from bridge.web.api.credentials import Credentials
from bridge.web.clients import Clients
from bridge.web.limits import AttemptLimits

log = structlog.get_logger()

_SCHEMES: Final = frozenset({"bearer", "token"})
"""Words before a token; clients of Alauda write the second one."""
_STATIC: Final = Principal(name="api.tokens", role=Role.ADMIN)
_LOCAL: Final = Principal(name="the user of the daemon", role=Role.ADMIN)
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
    ) -> None:
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

    async def principal(self, request: Request) -> Principal | None:
        """Who sends it; None without any token.

        `X-Auth-Token` counts before `Authorization`, which is `Bearer <token>`, `Token <token>`, the bare
        token, or a signature with an access key. Raises Unauthenticated for one that is not valid, for who
        sends one expects more than what is public; TooManyRequests after too many of them.
        """
        try:
            return await self._principal(request)
        except Unauthenticated as error:
            raise self._rejected(request, error) from None

    async def sign_in(self, request: Request, name: str, token: str) -> Principal:
        """Whose token it is, which has to have this name. Raises Unauthenticated and TooManyRequests."""
        try:
            return await self._named(request, name, token)
        except Unauthenticated as error:
            raise self._rejected(request, error) from None

    async def holds(self, principal: Principal) -> bool:
        """Whether the token that showed who this is has not been revoked, and has not expired, meanwhile."""
        if principal.token_id is None:
            return True
        issued = await self._tokens.get(principal.token_id)
        return issued is not None and issued.state(self._clock()) is TokenState.VALID

    async def _named(self, request: Request, name: str, token: str) -> Principal:
        # What cannot stand in a header is no token.
        found = await self._by_token(request, token if token.isascii() else "")
        if found.name != name:
            raise Unauthenticated("the token has another name than the user who signs in", Unproven.TOKEN)
        return found

    async def _principal(self, request: Request) -> Principal | None:
        if request.scope.get("server") == (self._local, None):
            return _LOCAL
        if token := request.headers.get("x-auth-token"):
            return await self._by_token(request, token)
        value = request.headers.get("authorization", "")
        if not value:
            return None
        scheme, _, rest = value.partition(" ")
        if scheme == ALGORITHM:
            return await self._by_signature(request, value)
        return await self._by_token(request, rest.strip() if scheme.lower() in _SCHEMES else value)

    async def _by_token(self, request: Request, text: str) -> Principal:
        client_key, now = self._clients.of(request.scope).client_key, self._clock()
        if self._limits.is_one_of(text.encode("latin-1"), self._static_tokens, client_key, now):
            return _STATIC
        token_id = self._credentials.token_id(text)
        if token_id is None:
            raise Unauthenticated(
                "the token is not one of api.tokens, nor one of `buildbridge token add` that a key of "
                "api.keys has signed: ask an admin for one that is",
                Unproven.TOKEN,
            )
        return self._valid(await self._tokens.get(token_id))

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
        return self._valid(issued)

    def _valid(self, issued: IssuedToken | None) -> Principal:
        """Raises Unauthenticated for a token that holds no longer."""
        if issued is None:
            raise Unauthenticated(
                "the token is not in this store: it was made for another one, ask for a new one",
                Unproven.TOKEN,
            )
        state = issued.state(self._clock())
        if state is TokenState.VALID:
            return issued.principal
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
    settings: Settings, tokens: Tokens, clock: Clock, attempts: AttemptLimits, local: str | None
) -> Callers:
    """Those of a configuration; it has at least one key."""
    return Callers(
        [token.reveal() for token in settings.api.tokens],
        Credentials([key.reveal() for key in settings.api.keys]),
        tokens,
        clients=Clients(settings.server.trusted_proxies),
        clock=clock,
        attempts=attempts,
        local=local,
    )
