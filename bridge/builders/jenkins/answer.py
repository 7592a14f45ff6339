"""An answer of Jenkins, or of what stands in its place, and what it means in our own words. Pure."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bridge.runtime.retry import retry_after
from bridge.runtime.web_page import sign_in_page

_MAYBE_SIGN_IN: Final = frozenset({200, *range(300, 400), 401, 403})


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is the window of the answer that was asked for; `truncated` says that there was more."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    truncated: bool

    @property
    def asks_for_crumb(self) -> bool:
        """Whether Jenkins asks for a crumb, which an API token does not need."""
        return self.status == 403 and b"crumb" in self.body  # noqa: PLR2004  # an HTTP status

    @property
    def sign_in(self) -> str | None:
        """The sign-in page, in words, that somebody else than Jenkins put in the place of its answer."""
        if self.from_jenkins or self.status not in _MAYBE_SIGN_IN:
            return None
        # A job may be called login.
        location = re.sub(r"/job/[^/]+", "", self.headers.get("Location") or "")
        return sign_in_page(self.status, {"Location": location}, self.body)

    @property
    def from_jenkins(self) -> bool:
        """Whether Jenkins shows itself in the answer: a proxy may hide the header that says it."""
        return "X-Jenkins" in self.headers or self.body.startswith(b'{"_class":')

    @property
    def after(self) -> float | None:
        """The pause that the server asks for."""
        return retry_after(self.headers, time.time())


_DESCRIPTIONS: Final[Mapping[int, str]] = {
    403: "the user may not do this in Jenkins (403): check its permissions",
    407: "the proxy asks who we are (407): have it let this machine through without a password",
    429: "Jenkins, or a proxy before it, asks for fewer requests (429)",
    502: "a proxy did not get an answer from Jenkins (502)",
    503: "Jenkins is starting or not available (503)",
    504: "a proxy did not get an answer from Jenkins in time (504)",
}


def describe(answer: Answer, *, by_password: bool) -> str:
    """What an answer that is not a success means, in our own words: pages of Jenkins are never quoted."""
    name, secret = ("password", "a password") if by_password else ("token", "an API token")
    if answer.asks_for_crumb and by_password:
        return (
            "Jenkins does not accept the crumb that it has just given (403): a proxy may hold back its "
            "session cookie; an API token as `token` needs neither"
        )
    if answer.asks_for_crumb:
        return (
            "Jenkins asks for a crumb (403): `token` must be an API token, not a password, "
            "which would be `password`"
        )
    if page := answer.sign_in:
        return (
            f"{page} answers in place of Jenkins ({answer.status}): "
            f"let requests with {secret} pass it, or have `url` lead around it"
        )
    if 300 <= answer.status < 400:  # noqa: PLR2004  # HTTP statuses
        return f"Jenkins points to another address ({answer.status}): correct `url`"
    if answer.status == 401:  # noqa: PLR2004  # an HTTP status
        what = secret.partition(" ")[2]
        return f"Jenkins rejects the user name or the {what} (401): check `username` and `{name}`"
    return _DESCRIPTIONS.get(answer.status, f"Jenkins answered {answer.status}")
