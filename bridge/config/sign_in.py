"""Who signs people in before their requests come here: a reverse proxy that names the user in a header."""

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from bridge.config.networks import Proxies, Proxy
from bridge.config.types import Strict, server_url, wrong
from bridge.model.access import Role

MAX_USER: Final = 128
"""Characters of the name of a user."""
_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_TAKEN: Final = frozenset(
    {
        *("authorization", "x-auth-token", "cookie", "host", "origin", "content-type", "content-length"),
        *("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip", "user-agent", "accept"),
        *("accept-language", "connection", "transfer-encoding", "sec-fetch-site", "idempotency-key"),
    }
)
"""Headers that every client sends, or that say something else."""


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise wrong("header", "must be the name of a header, such as X-Forwarded-User")
    if value.lower() in _TAKEN:
        raise wrong("header", f"{value} does not name a user: the proxy sends the user in another header")
    return value


def _proxies(value: tuple[Proxy, ...]) -> tuple[Proxy, ...]:
    if not value:
        raise wrong("from", "is empty: give the address of the proxy, such as [127.0.0.1], or [unix]")
    return value


def _user(value: str) -> str:
    if not value.isprintable() or value != value.strip():
        raise wrong("user", "must be the name of a user as the proxy sends it, in one line")
    return value


def _sign_out(value: str) -> str:
    return server_url(value.partition("?")[0], "sign_out", "https://login.example.com/logout") and value


Users = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=MAX_USER), AfterValidator(_user)], ...],
    Field(strict=False, max_length=1000),
]


class SignInSettings(Strict):
    """A proxy that signs people in, and sends the name of the user in a header.

    The header counts only where it comes from one of `from`: the proxy has to delete what a client has sent.
    """

    header: Annotated[str, Field(max_length=64), AfterValidator(_header)] = "X-Forwarded-User"
    """The header in which the proxy sends the name of the user."""
    proxies: Annotated[Proxies, Field(alias="from"), AfterValidator(_proxies)]
    """The addresses or networks of the proxy, or `unix`: the header is ignored from everywhere else."""
    role: Literal["viewer", "member", "admin"] = "viewer"
    """What every user may do: viewer, member or admin."""
    members: Users = ()
    """The users who may also trigger, cancel, retry and edit."""
    admins: Users = ()
    """The users who may do everything."""
    sign_out: Annotated[str, Field(max_length=500), AfterValidator(_sign_out)] | None = None
    """The address at which the proxy signs a user out."""

    def role_of(self, user: str) -> Role:
        """What this user may do."""
        if user in self.admins:
            return Role.ADMIN
        role = Role(self.role)
        return Role.MEMBER if user in self.members and role is Role.VIEWER else role
