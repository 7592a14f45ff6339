"""Calls of GitHub: who sends them, and what its limits and refusals mean."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from http import HTTPStatus
from typing import Final

import httpx

from bridge.builders.actions.server import ActionsServer
from bridge.builders.github_actions.settings import GitHubActionsSettings
from bridge.builders.github_actions.sign_in import App, FixedToken, SignIn
from bridge.builders.server import MAX_ANSWER, Answer
from bridge.runtime.clock import Clock

_HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_LIMITED: Final = frozenset({403, 429})
_SECONDARY: Final = re.compile(rb"rate limit|abuse detection", re.IGNORECASE)
_SECONDARY_PAUSE: Final = "60"
_RESET: Final = re.compile(r"[0-9]{1,10}")


class GitHub(ActionsServer):
    """GitHub, or an Enterprise Server."""

    attempts = True

    def __init__(self, settings: GitHubActionsSettings, clock: Clock) -> None:
        super().__init__("GitHub", settings, _HEADERS)
        self._sign_in: SignIn = (
            App(settings, _HEADERS, clock) if settings.token is None else FixedToken(settings.token.reveal())
        )

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        limit: int = MAX_ANSWER,
    ) -> Answer:
        """As of any server; what was refused for a token is sent once more with a new one.

        Limits of the rate have the status 429, and the pause that GitHub names.
        """
        ask = partial(super().call, method, path, query=query, content=content, limit=limit)
        token = await self._sign_in.token()
        answer = await ask(headers=_proven(headers, token))
        if answer.status == HTTPStatus.UNAUTHORIZED and not answer.sign_in and self._sign_in.renew(token):
            answer = await ask(headers=_proven(headers, await self._sign_in.token()))
        return _with_pause(answer)

    def describe(self, answer: Answer) -> str:
        if answer.sign_in:
            return super().describe(answer)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return f"GitHub {self._sign_in.rejected} (401)"
        if answer.status == HTTPStatus.FORBIDDEN:
            if "required" in answer.headers.get("X-GitHub-SSO", ""):
                return (
                    "GitHub wants the token to be authorized for the single sign-on of the organization (403)"
                )
            return (
                "the token may not do this in GitHub (403): check its rights; it needs Actions: write and "
                "Contents: read, and Contents: write for `event` (a classic token: repo)"
            )
        return super().describe(answer)

    async def aclose(self) -> None:
        await super().aclose()
        await self._sign_in.aclose()


def _proven(headers: Mapping[str, str] | None, token: str) -> dict[str, str]:
    return {**(headers or {}), "Authorization": f"Bearer {token}"}


def _with_pause(answer: Answer) -> Answer:
    """The same; where it says that a limit was reached, as everyone says it."""
    if answer.status not in _LIMITED:
        return answer
    headers = httpx.Headers(dict(answer.headers))
    if "Retry-After" not in headers:
        reset = _RESET.fullmatch(headers.get("X-RateLimit-Reset", ""))
        if headers.get("X-RateLimit-Remaining") == "0" and reset:
            moment = datetime.fromtimestamp(int(reset[0]), UTC)
            headers["Retry-After"] = format_datetime(moment, usegmt=True)
        elif _SECONDARY.search(answer.body):
            headers["Retry-After"] = _SECONDARY_PAUSE
        else:
            return answer
    return replace(answer, status=HTTPStatus.TOO_MANY_REQUESTS.value, headers=headers)
