"""Who may see what: a valid token opens everything; without one only public builds are visible."""

import hmac
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request


class Tokens:
    """The tokens of `api.tokens`."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = [token.encode() for token in tokens]

    def trusts(self, request: Request) -> bool:
        """Whether the request has one of the tokens, with or without `Bearer`; False when it has none.

        Raises HTTPException 401 for a wrong token: a client that sends one expects more than what is public.
        """
        value = request.headers.get("authorization", "")
        if not value:
            return False
        scheme, _, rest = value.partition(" ")
        given = (rest.strip() if scheme.lower() == "bearer" else value).encode("latin-1")
        # Every token is compared, so that the time does not depend on which one matches.
        found = [hmac.compare_digest(given, token) for token in self._tokens]
        if not any(found):
            raise _unauthorized("the token is not one of api.tokens in bridge.yaml: send one that is")
        return True

    def require(self, request: Request) -> None:
        """Raises HTTPException 401 for a request without a valid token."""
        if not self.trusts(request):
            raise _unauthorized("this needs a token: send the header `Authorization: Bearer <token>`")


def _unauthorized(why: str) -> HTTPException:
    return HTTPException(401, why, {"www-authenticate": "Bearer"})
