"""Builds by a workflow of GitHub Actions.

Source: GitHub, "REST API endpoints for GitHub Actions" (https://docs.github.com/en/rest/actions) and
"Create a repository dispatch event" (https://docs.github.com/en/rest/repos/repos)
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar, Final
from urllib.parse import quote

from pydantic import BaseModel, TypeAdapter

from bridge.builders.actions.builder import ActionsBuilder
from bridge.builders.base import BuilderContext, Number
from bridge.builders.github_actions.client import GitHub
from bridge.builders.github_actions.settings import GitHubActionsSettings
from bridge.builders.server import Answer, Document
from bridge.errors import Denied

_PAYLOAD: Final = "build"
"""The name of our variables in the payload of an event: there may be few names, and many variables."""
_DETAILS: Final = "return_run_details"
_REFUSALS: Final[Mapping[str, str]] = {
    r"no ref found": "the branch or tag is not in the repository: push it there, or set `branch`",
    r"does not have 'workflow_dispatch'": "it has no `on: workflow_dispatch`",
    r"disabled workflow": "it is disabled in GitHub: enable it",
    r"unexpected inputs": "it does not declare all inputs that it got",
    r"required input": "it requires an input that no one gives",
    r"too (?:large|long)": "GitHub does not take parameters this long",
    r"archived": "the repository is archived",
}


class _Started(Document):
    workflow_run_id: Number


class _Rights(Document):
    push: bool = True


class _Repository(Document):
    full_name: str
    archived: bool = False
    default_branch: str | None = None
    permissions: _Rights | None = None


class _Workflow(Document):
    state: str


_STARTED: Final = TypeAdapter(_Started)
_REPOSITORY: Final = TypeAdapter(_Repository)
_WORKFLOW: Final = TypeAdapter(_Workflow)


class GitHubActionsBuilder(ActionsBuilder):
    """One workflow, started by hand as it were, or by an event."""

    kind: ClassVar[str] = "github-actions"
    Settings: ClassVar[type[BaseModel]] = GitHubActionsSettings

    def __init__(self, name: str, settings: GitHubActionsSettings, context: BuilderContext) -> None:
        super().__init__(name, settings, context, GitHub(settings, context.clock))
        self._event = settings.event
        self._by_app = settings.token is None
        if settings.event is not None:
            self.values = f"github.event.client_payload.{_PAYLOAD}"
        # Enterprise Servers up to 3.19 do not know the field.
        self._asks_details = True

    @property
    def folders(self) -> Sequence[str]:
        return (".github/workflows",)

    @property
    def event(self) -> str | None:
        return self._event

    async def start(self, ref: str, values: Mapping[str, str]) -> Answer:
        path = self.server.path(self.repository)
        if self._event is not None:
            document = {"event_type": self._event, "client_payload": {_PAYLOAD: values}}
            return await self._post(f"{path}/dispatches", document)
        path += f"/actions/workflows/{quote(self.file)}/dispatches"
        plain = {"ref": ref, "inputs": values}
        if not self._asks_details:
            return await self._post(path, plain)
        answer = await self._post(path, {**plain, _DETAILS: True})
        if answer.status in {400, 422} and _DETAILS.encode() in answer.body:
            self._asks_details = False
            return await self._post(path, plain)
        return answer

    async def _post(self, path: str, document: Mapping[str, object]) -> Answer:
        headers = {"Content-Type": "application/json"}
        return await self.server.call("POST", path, headers=headers, content=json.dumps(document).encode())

    def started(self, answer: Answer) -> int | None:
        if answer.status == HTTPStatus.NO_CONTENT:
            return None
        return self.server.parsed(answer, _STARTED).workflow_run_id

    def rejection(self, answer: Answer) -> str | None:
        if answer.status == HTTPStatus.NOT_FOUND:
            right = "Contents: write" if self._event else "Actions: write"
            return (
                f"GitHub shows no such workflow in {self.repository} to this token, or does not let it start "
                f"one (404): check `workflow`, and the right {right}"
            )
        text = answer.body.decode(errors="replace")
        for pattern, why in _REFUSALS.items():
            if re.search(pattern, text, re.IGNORECASE):
                return f"{why} ({answer.status})"
        return None

    async def test(self) -> str:
        path = self.server.path(self.repository)
        found = await self.server.read(path, _REPOSITORY)
        if found is None:
            raise Denied(
                f"GitHub shows no repository {self.repository} to this caller (404): check `repository`, and "
                "that the token, or the installation of the app, is for it"
            )
        workflow = await self.server.read(f"{path}/actions/workflows/{quote(self.file)}", _WORKFLOW)
        if workflow is None:
            raise self.server.hidden(self.repository, self.file)
        return await self.tested(self._hindrances(found, workflow))

    def _hindrances(self, found: _Repository, workflow: _Workflow) -> Iterator[str]:
        if found.archived:
            yield "belongs to an archived repository, where nothing runs"
        if found.permissions and not found.permissions.push and not self._by_app:
            yield "may not be started by this token; its user needs to write to the repository"
        if workflow.state != "active":
            yield "is disabled in GitHub: enable it"
