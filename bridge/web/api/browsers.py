"""What browsers send unasked, also when another site makes them: cookies, and what a proxy adds.

A request that changes something, and is believed for such a thing, has to come from our own pages. Browsers
say so in `Sec-Fetch-Site` (Fetch Metadata Request Headers), or, if older or on plain http, in `Origin`.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bridge.config.sign_in import MAX_USER, SignInSettings
from bridge.model.access import LOCAL_NAME, STATIC_NAME, Principal
from bridge.model.session import LONGEST_SECONDS
from bridge.web.api.core.errors import Forbidden, Invalid
from bridge.web.clients import Clients

SECURE_NAME: Final = "__Host-buildbridge"
PLAIN_NAME: Final = "buildbridge"
"""What the cookie is called at an address with https, and at one without."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS: Final = frozenset({"same-origin", "none"})
"""What `Sec-Fetch-Site` says of a request of our own pages, and of one that the reader began."""
_PORTS: Final = {"http": 80, "https": 443}
_NOT_OF_USERS: Final = frozenset({STATIC_NAME, LOCAL_NAME})
"""Whom the audit trail must not show in place of others."""
_NO_LETTER: Final = "\ufffd"
"""What stands where bytes are no UTF-8."""
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class SessionCookie:
    """The cookie that keeps the secret of a session; at an address with https no other host can set it."""

    def __init__(self, public_url: str | None) -> None:
        self._is_secure = (public_url or "").startswith("https://")
        self.name = SECURE_NAME if self._is_secure else PLAIN_NAME

    def is_in(self, request: Request) -> bool:
        return bool(self._values(request))

    def secret(self, request: Request) -> str | None:
        """The secret that a browser sends; None of two, for then one of them may be another site's."""
        values = self._values(request)
        return values[0] if len(values) == 1 and _SECRET.fullmatch(values[0]) else None

    def put(self, answer: Response, secret: str) -> None:
        """Have the browser keep the secret."""
        self._set(answer, secret, int(LONGEST_SECONDS))

    def clear(self, answer: Response) -> None:
        """Have the browser forget it."""
        self._set(answer, "", 0)

    def _set(self, answer: Response, value: str, seconds: int) -> None:
        answer.set_cookie(
            self.name, value, max_age=seconds, path="/", secure=self._is_secure, httponly=True, samesite="lax"
        )

    def _values(self, request: Request) -> list[str]:
        pairs = ";".join(request.headers.getlist("cookie")).split(";")
        found = (pair.partition("=") for pair in pairs)
        return [value.strip() for name, _, value in found if name.strip() == self.name]


class ProxyUsers:
    """The users whom a proxy has signed in: its header counts only from where the proxy is."""

    def __init__(self, settings: SignInSettings | None) -> None:
        self._settings = settings
        self._peers = Clients(settings.proxies if settings else ())

    def of(self, request: Request) -> Principal | None:
        """Who the proxy says it is; None from everywhere else. Raises Invalid for what is no name."""
        if self._settings is None or not self._peers.is_proxy(request.scope):
            return None
        key = self._settings.header.lower().encode()
        values = [value for name, value in request.scope["headers"] if name == key]
        if len(values) > 1:
            # One of them may be what the client has sent.
            raise Invalid([f"{self._settings.header}: comes twice: have the proxy delete what clients send"])
        user = values[0].decode("utf-8", "replace").strip() if values else ""
        if not user:
            return None
        _check(self._settings.header, user)
        return Principal(name=user, role=self._settings.role_of(user), by_proxy=True)


def _check(header: str, user: str) -> None:
    """Raises Invalid for what is no name of a user."""
    if len(user) > MAX_USER or not user.isprintable() or _NO_LETTER in user:
        raise Invalid([f"{header}: is no name of a user: it has up to {MAX_USER} letters, in one line"])
    if user in _NOT_OF_USERS:
        raise Invalid([f"{header}: {user} is the name of no user: it stands for what needs no sign-in"])


class OwnPages:
    """Tells requests of our own pages from those that other sites have made a browser send."""

    def __init__(self, public_url: str | None) -> None:
        self._origin = None if public_url is None else _origin(public_url)

    def require(self, request: Request) -> None:
        """Raises Forbidden for a request that changes something and comes from elsewhere."""
        if request.method not in _SAFE and not self._is_own(request):
            raise Forbidden(
                "this request comes from another site, or from a browser that does not say from where: do it "
                "on the page itself, at the address of server.public_url; programs send a token and no cookie"
            )

    def _is_own(self, request: Request) -> bool:
        if sites := request.headers.getlist("sec-fetch-site"):
            return _OURS.issuperset(sites)
        origins = request.headers.getlist("origin")
        if len(origins) != 1 or (given := _origin(origins[0])) is None:
            return False
        if self._origin is not None:
            return given == self._origin
        # Behind what the browser speaks to may stand a proxy, so that only it knows whether that is https.
        return given == _origin(f"{given[0]}://{request.headers.get('host', '')}")


def _origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for what has none, such as `null`."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.scheme, parts.hostname, port) if parts.hostname and port else None
