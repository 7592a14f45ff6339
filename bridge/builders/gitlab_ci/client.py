"""Calls of GitLab's API: what goes with each of them, and what its answers mean."""

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

import httpx

from bridge.builders.gitlab_ci.model import PROJECT, ProjectDocument
from bridge.builders.gitlab_ci.settings import GitLabSettings, Project
from bridge.builders.server import MAX_ANSWER, Answer, BuildServer
from bridge.errors import Denied
from bridge.runtime.retry import http_date

_MOMENT: Final = re.compile(r"[0-9]{1,11}")
_TRIGGER: Final = "/trigger/pipeline"
_SCOPE: Final = b"insufficient_scope"
_ENDED: Final = {b"expired": "has expired", b"revoked": "was revoked"}
"""What GitLab says of a token that was good once."""


class GitLabServer(BuildServer):
    """GitLab at one address."""

    def __init__(self, settings: GitLabSettings) -> None:
        super().__init__("GitLab", settings, {})
        self._token = {"PRIVATE-TOKEN": settings.token.reveal()}
        self.ahead: float | None = None
        """Seconds by which GitLab's clock is ahead of this machine's, as its last answer showed."""

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
        """As of any server; a trigger token goes alone, since a token that only reads may start nothing."""
        token = {} if path.endswith(_TRIGGER) else self._token
        more = {**token, **(headers or {})}
        answer = await super().call(method, path, query=query, headers=more, content=content, limit=limit)
        now = http_date(answer.headers.get("Date", ""))
        self.ahead = None if now is None else now - time.time()
        return _with_pause(answer) if answer.status == HTTPStatus.TOO_MANY_REQUESTS else answer

    def describe(self, answer: Answer) -> str:
        why = super().describe(answer)
        if answer.sign_in:
            return why
        if answer.status == HTTPStatus.FORBIDDEN and _SCOPE in answer.body:
            return "the scopes of the token do not allow this in GitLab (403): make one with the scope api"
        for word, end in _ENDED.items():
            if answer.status == HTTPStatus.UNAUTHORIZED and word in answer.body:
                return f"the token {end} in GitLab (401): make a new one"
        if answer.status in range(300, 400):
            return f"{why}, or `project` where it was moved or renamed"
        return why

    async def project(self, project: Project) -> ProjectDocument:
        """The project. Raises Denied when it is not shown, or RemoteError."""
        found = await self.read(project_path(project), PROJECT)
        if found is None:
            number = "" if isinstance(project, int) else "; where a proxy changes %2F, write its number"
            raise Denied(
                f"GitLab shows no project {project!r} to this token (404): check `url`, `project` and the "
                f"rights of the token{number}"
            )
        return found


def project_path(project: Project) -> str:
    return f"api/v4/projects/{quote(str(project), safe='')}"


def pipelines_path(project: Project) -> str:
    return f"{project_path(project)}/pipelines"


def trigger_path(project: Project) -> str:
    return f"{project_path(project)}{_TRIGGER}"


def _with_pause(answer: Answer) -> Answer:
    """The same, with the moment at which GitLab's limit ends (Unix seconds) as the pause that it asks for."""
    moment = answer.headers.get("RateLimit-Reset", "")
    if not _MOMENT.fullmatch(moment):
        return answer
    until = format_datetime(datetime.fromtimestamp(int(moment), UTC), usegmt=True)
    return replace(answer, headers=httpx.Headers({**answer.headers, "Retry-After": until}))
