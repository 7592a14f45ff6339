"""Builds by a workflow of Gitea or Forgejo Actions.

Source: Gitea, "API" (https://docs.gitea.com/api/next/);
Forgejo, "API usage" (https://forgejo.org/docs/latest/user/api-usage/), and the sources of both

Gitea has the documents of GitHub, and Forgejo its own, which show the inputs that a run was started with.
Each ignores what only the other one understands: both are asked alike.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import ClassVar, Final
from urllib.parse import quote

from pydantic import AliasChoices, BaseModel, Field, TypeAdapter

from bridge.builders.actions.builder import ActionsBuilder
from bridge.builders.actions.model import Run
from bridge.builders.actions.server import ActionsServer
from bridge.builders.actions.settings import ActionsSettings
from bridge.builders.actions.workflow import Workflow
from bridge.builders.base import BuilderContext, Number, Outcome, Rejected
from bridge.builders.server import Answer, Document
from bridge.config.types import Secret
from bridge.errors import Denied, Permanent, RemoteError
from bridge.runtime.clock import Clock

BY_HAND: Final = "workflow_dispatch"
TITLES: Final = (1, 25)
"""The first Gitea that gives runs the titles that their workflow wants."""
_KIND_MAX_AGE: Final = 600.0
"""Seconds for which a server stays what it was."""
_VERSION: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")


class GiteaActionsSettings(ActionsSettings):
    """A workflow of a repository of Gitea or Forgejo."""

    token: Secret
    """The access token of a user who may write to the repository, with the scope write:repository."""


class _Version(Document):
    version: str


class _Started(Document):
    number: Number = Field(validation_alias=AliasChoices("workflow_run_id", "id"))


class _Rights(Document):
    push: bool = True


class _Repository(Document):
    full_name: str
    archived: bool = False
    has_actions: bool = True
    permissions: _Rights | None = None


_SERVER: Final = TypeAdapter(_Version)
_STARTED: Final = TypeAdapter(_Started)
_REPOSITORY: Final = TypeAdapter(_Repository)


class Gitea(ActionsServer):
    """A server of either kind: `forgejo` and `titles` are known once `ask` was called."""

    prefix = "api/v1/"
    page_size_name = "limit"
    page_size = 50
    live_logs = True

    def __init__(self, settings: GiteaActionsSettings, clock: Clock) -> None:
        headers = {"Authorization": f"token {settings.token.reveal()}", "Accept": "application/json"}
        super().__init__("Gitea or Forgejo", settings, headers)
        self.forgejo = False
        self.titles = False
        self._clock = clock
        self._known_until = float("-inf")

    async def ask(self, *, anew: bool = False) -> None:
        """Find out what the server is, if that was not done lately. Raises RemoteError."""
        if not anew and self._clock() < self._known_until:
            return
        found = await self.read(f"{self.prefix}version", _SERVER)
        if found is None:
            raise Permanent("there is neither Gitea nor Forgejo at `url` (404): check `url`, without /api/v1")
        self.forgejo = "gitea-" in found.version
        self.forces = not self.forgejo
        self.name = "Forgejo" if self.forgejo else "Gitea"
        numbers = _VERSION.match(found.version)
        self.titles = numbers is not None and (int(numbers[1]), int(numbers[2])) >= TITLES
        self._known_until = self._clock() + _KIND_MAX_AGE

    def runs_of(self, repository: str, workflow: str) -> tuple[str, Mapping[str, str]]:
        # Gitea does not know the filter.
        return f"{self.path(repository)}/actions/runs", {"workflow_id": workflow}

    def refused(self, answer: Answer) -> Outcome:
        if answer.status == HTTPStatus.FORBIDDEN and b"workflow is disabled" in answer.body:
            return Rejected(f"the workflow is disabled in {self.name} (403): enable it")
        return super().refused(answer)

    def not_stopped(self, answer: Answer) -> RemoteError:
        if answer.status in {404, 405}:
            return Permanent(
                f"{self.name} cannot cancel runs by its API ({answer.status}): Gitea can from 1.28 on, "
                "Forgejo from 16 on"
            )
        return super().not_stopped(answer)


class GiteaActionsBuilder(ActionsBuilder):
    """One workflow, started by hand as it were."""

    kind: ClassVar[str] = "gitea-actions"
    Settings: ClassVar[type[BaseModel]] = GiteaActionsSettings
    values = "github.event.inputs"
    server: Gitea

    def __init__(self, name: str, settings: GiteaActionsSettings, context: BuilderContext) -> None:
        super().__init__(name, settings, context, Gitea(settings, context.clock))

    @property
    def folders(self) -> Sequence[str]:
        own = (".forgejo/workflows",) if self.server.forgejo else ()
        return (*own, ".gitea/workflows", ".github/workflows")

    async def workflow(self, ref: str | None) -> Workflow | None:
        await self.server.ask()
        found = await super().workflow(ref)
        # Forgejo shows the inputs of a run, whatever its title.
        shown = self.server.forgejo or (self.server.titles and found is not None and found.shown)
        return replace(found, shown=shown) if found else None

    async def start(self, ref: str, values: Mapping[str, str]) -> Answer:
        path = f"{self.server.path(self.repository)}/actions/workflows/{quote(self.file)}/dispatches"
        content = json.dumps({"ref": ref, "inputs": values, "return_run_info": True}).encode()
        return await self.server.call(
            "POST",
            path,
            query={"return_run_details": "true"},
            headers={"Content-Type": "application/json"},
            content=content,
        )

    def started(self, answer: Answer) -> int | None:
        if answer.status == HTTPStatus.NO_CONTENT:
            return None
        return self.server.parsed(answer, _STARTED).number

    def rejection(self, answer: Answer) -> str | None:
        if answer.status == HTTPStatus.NOT_FOUND:
            return (
                f"{self.server.name} has no such workflow, branch or tag in {self.repository}, or does not "
                "let this token start it (404)"
            )
        if answer.status == HTTPStatus.BAD_REQUEST:
            return f"{self.server.name} does not take the inputs (400): it may require one that no one gives"
        return None

    def hides(self, run: Run) -> bool:
        return self.server.forgejo and run.event == BY_HAND and run.build_id is None

    async def test(self) -> str:
        await self.server.ask(anew=True)
        found = await self.server.read(self.server.path(self.repository), _REPOSITORY)
        if found is None:
            raise Denied(
                f"{self.server.name} shows no repository {self.repository} to this token (404): check "
                "`repository` and the token's rights"
            )
        return await self.tested(self._hindrances(found))

    def _hindrances(self, found: _Repository) -> Iterator[str]:
        if found.archived:
            yield "belongs to an archived repository, where nothing runs"
        if not found.has_actions:
            yield "belongs to a repository whose Actions are switched off: switch them on"
        if found.permissions and not found.permissions.push:
            yield "may not be started by this token; its user needs to write to the repository"
        if not (self.server.forgejo or self.server.titles):
            yield "is run by a Gitea before 1.25, without titles: an unanswered trigger cannot be checked"
