"""Who sends a request: a valid token opens everything; without one only public builds are visible."""

import hmac
from collections.abc import Sequence

from starlette.requests import Request

from bridge.model.access import Principal, Role
from bridge.web.api.core.errors import Unauthenticated

_STATIC = Principal(name="api.tokens", role=Role.ADMIN)


class Tokens:
    """The tokens of `api.tokens`."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = [token.encode() for token in tokens]

    async def principal(self, request: Request) -> Principal | None:
        """Who sends it, with one of the tokens, with or without `Bearer`; None without any.

        Raises Unauthenticated for a wrong token: a client that sends one expects more than what is public.
        """
        value = request.headers.get("authorization", "")
        if not value:
            return None
        scheme, _, rest = value.partition(" ")
        given = (rest.strip() if scheme.lower() == "bearer" else value).encode("latin-1")
        # Every token is compared, so that the time does not depend on which one matches.
        found = [hmac.compare_digest(given, token) for token in self._tokens]
        if not any(found):
            raise Unauthenticated("the token is not one of api.tokens in bridge.yaml: send one that is")
        return _STATIC
