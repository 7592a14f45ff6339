"""How requests to GitHub show who sends them: by a token, or by one that an app's key gets.

Source: GitHub, "Authenticating as a GitHub App installation"
(https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app)
"""

from abc import ABC, abstractmethod
from functools import partial
from typing import Annotated, Final

import anyio.to_thread
from pydantic import AwareDatetime, StringConstraints, TypeAdapter

from bridge.builders.github_actions.settings import GitHubActionsSettings
from bridge.builders.server import Answer, BuildServer, Document
from bridge.builders.tokens import KeptToken
from bridge.errors import Denied
from bridge.runtime.clock import Clock

_CLOCKS: Final = 60
"""Seconds by which the clock of GitHub may be behind."""
_LIFE: Final = 540


class SignIn(ABC):
    """What proves who calls."""

    rejected: str
    """What to check after a 401."""

    @abstractmethod
    async def token(self) -> str:
        """The token of a request. Raises RemoteError, never Unanswered: the request was not sent."""

    def renew(self, refused: str) -> bool:  # noqa: ARG002  # a fixed token stays as it is
        """Whether another token can do better than the one that was refused."""
        return False

    async def aclose(self) -> None:  # noqa: B027  # a fixed token needs no resources
        """Close connections."""


class FixedToken(SignIn):
    """A personal access token."""

    rejected = "rejects the token; check `token`, and that it has not expired"

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self) -> str:
        return self._token


class _Made(Document):
    token: Annotated[str, StringConstraints(min_length=1, max_length=5000, pattern=r"^[!-~]+$")]
    expires_at: AwareDatetime


_MADE: Final = TypeAdapter(_Made)


class App(SignIn):
    """Gets the token of an installation with the key of its app, and keeps it for most of its life."""

    rejected = "rejects a token that it has just made for the app: check `url`"

    def __init__(self, settings: GitHubActionsSettings, headers: dict[str, str], clock: Clock) -> None:
        assert settings.private_key is not None
        self._key = settings.private_key.reveal()
        self._app = str(settings.app_id)
        self._path = f"app/installations/{settings.installation_id}/access_tokens"
        self._github = BuildServer("GitHub", settings, headers)
        self._clock = clock
        self._kept = KeptToken("GitHub", self._made, settings.timeout.total_seconds(), clock)

    async def token(self) -> str:
        return await self._kept.get()

    def renew(self, refused: str) -> bool:
        self._kept.drop(refused)
        return True

    async def _made(self) -> tuple[str, float]:
        """A new token, and when it ends."""
        proof = await anyio.to_thread.run_sync(partial(_signed, self._app, self._key, self._clock()))
        answer = await self._github.call("POST", self._path, headers={"Authorization": f"Bearer {proof}"})
        if not answer.sign_in and (why := _refusal(answer)):
            raise Denied(f"GitHub makes no token for the app ({answer.status}): {why}")
        made = self._github.parsed(answer, _MADE)
        return made.token, made.expires_at.timestamp()

    async def aclose(self) -> None:
        await self._github.aclose()


def _refusal(answer: Answer) -> str | None:
    if answer.status == 401:  # noqa: PLR2004  # an HTTP status
        return "check `app_id`, that `private_key` is the app's, and the clock of this machine"
    if answer.status == 404:  # noqa: PLR2004  # an HTTP status
        return "check `installation_id`: the app has no such installation"
    return None


def _signed(app: str, key: str, now: float) -> str:
    """What proves for some minutes that we have the key. Raises Denied for a text that is no key."""
    import jwt  # noqa: PLC0415  # with its cryptography it takes memory that others do not need

    claims = {"iat": int(now) - _CLOCKS, "exp": int(now) + _LIFE, "iss": app}
    try:
        return jwt.encode(claims, key, algorithm="RS256")
    except (jwt.PyJWTError, ValueError, TypeError):
        raise Denied(
            "`private_key` is not the private key of an app: it has to be the whole PEM file"
        ) from None
