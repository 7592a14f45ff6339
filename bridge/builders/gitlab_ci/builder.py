"""Builds by pipelines of a project on GitLab.

Source: GitLab, "Pipelines API" (https://docs.gitlab.com/api/pipelines/), "Pipeline trigger tokens API"
(https://docs.gitlab.com/api/pipeline_triggers/), and "Jobs API" (https://docs.gitlab.com/api/jobs/)

All variables of a build travel with its pipeline, or those that the settings name as its inputs. By
BRIDGE_BUILD_ID among the variables, or in the pipeline's name, a pipeline whose trigger was not answered is
found again.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar, Final
from urllib.parse import quote

from pydantic import BaseModel

from bridge.builders.base import (
    FOUND,
    Advice,
    Ambiguous,
    Builder,
    BuilderContext,
    Handle,
    LogChunk,
    Outcome,
    Search,
    Sent,
    Status,
    Target,
    unsent,
)
from bridge.builders.gitlab_ci.check import mistakes
from bridge.builders.gitlab_ci.chinese import CHINESE
from bridge.builders.gitlab_ci.client import GitLabServer, pipelines_path, project_path, trigger_path
from bridge.builders.gitlab_ci.declared import DeclaredPipeline, undeclared
from bridge.builders.gitlab_ci.lists import PipelineLists
from bridge.builders.gitlab_ci.log import GitLabLog
from bridge.builders.gitlab_ci.model import (
    PIPELINE,
    TOKEN,
    GitLabRef,
    Pipeline,
    ProjectDocument,
    TokenDocument,
)
from bridge.builders.gitlab_ci.order import Order
from bridge.builders.gitlab_ci.poll import GitLabPoll
from bridge.builders.gitlab_ci.search import PipelineSearch
from bridge.builders.gitlab_ci.settings import GitLabSettings
from bridge.builders.log_text import one_line
from bridge.builders.server import Answer
from bridge.errors import Denied, RemoteError, Transient, Unanswered
from bridge.model.build import BuildRequest, SeenJob

_JSON: Final = {"Content-Type": "application/json"}
_FILE: Final = ".gitlab-ci.yml"
_MAX_FILE: Final = 1 << 20
_MAX_INPUTS: Final = 200
_MAX_SHOWN: Final = 100


class GitLabBuilder(Builder):
    """One project on one GitLab."""

    chinese = CHINESE
    kind: ClassVar[str] = "gitlab-ci"
    Settings: ClassVar[type[BaseModel]] = GitLabSettings
    place: ClassVar[Sequence[str]] = ("url", "project")

    def __init__(self, name: str, settings: GitLabSettings, context: BuilderContext) -> None:
        self.name = name
        self.poll_interval = settings.poll_interval.total_seconds()
        self.settle_seconds = settings.settle_seconds
        self._settings = settings
        self._clock = context.clock
        self._seen: SeenJob | None = None
        self._project = settings.project
        self._ref = settings.ref
        self._triggers = settings.trigger_token is not None
        self._server = GitLabServer(settings)
        self._order = Order(settings)
        lists = PipelineLists(self._server, "trigger" if self._triggers else "api", context.clock)
        self._poll = GitLabPoll(self._server, lists, context.clock)
        self._search = PipelineSearch(
            self._server, lists, self._project, by_variable=not self._order.by_inputs
        )
        self._log = GitLabLog(self._server)

    @property
    def seen(self) -> SeenJob | None:
        return self._seen

    @property
    def _job_name(self) -> str:
        """Under which name is remembered what was seen of the pipeline."""
        return f"{self._project} {self._ref}" if self._ref else str(self._project)

    async def trigger(self, request: BuildRequest) -> Outcome:
        path = trigger_path(self._project) if self._triggers else f"{project_path(self._project)}/pipeline"
        try:
            answer = await self._server.call("POST", path, headers=_JSON, content=self._order.body(request))
        except Unanswered as error:
            return Ambiguous(str(error))
        except RemoteError as error:
            return unsent(error)
        if not answer.good or answer.sign_in:
            return self._order.refused(answer) or self._server.refused(answer)
        try:
            pipeline = self._server.parsed(answer, PIPELINE)
        except RemoteError as error:
            return Ambiguous(str(error))
        return self._order.sent(GitLabRef.of(self._project, pipeline), "", request)

    async def find(self, request: BuildRequest) -> Handle | Search | None:
        if not self._order.searchable:
            return Search.UNSEARCHABLE
        found = await self._search.find(request.build_id)
        return GitLabRef.of(self._project, found).handle if isinstance(found, Pipeline) else found

    def found(self, handle: Handle, request: BuildRequest) -> Sent:
        return self._order.sent(GitLabRef.parse(handle), FOUND, request)

    async def poll(self, handles: Mapping[str, Handle]) -> Mapping[str, Status]:
        return await self._poll.poll(handles)

    async def log(self, handle: Handle, offset: int) -> LogChunk:
        """Offsets are those of `gitlab_ci.log`."""
        ref = GitLabRef.parse(handle)
        pipeline = await self._ours(ref)
        if pipeline is None:
            raise Transient("GitLab does not show the pipeline and its logs now (404)")
        return await self._log.read(ref, offset, over=pipeline.ended)

    async def cancel(self, handle: Handle) -> None:
        ref = GitLabRef.parse(handle)
        pipeline = await self._ours(ref)
        if pipeline is None:
            # It is too late, unless the server only fails to show it.
            await self._server.project(ref.project)
            return
        if pipeline.ended:
            return
        answer = await self._server.call("POST", f"{pipelines_path(ref.project)}/{ref.id}/cancel")
        if answer.good and not answer.sign_in:
            return
        # It may have ended between the two requests.
        now = await self._ours(ref)
        if now and not now.ended:
            raise self._not_cancelled(answer)

    def _not_cancelled(self, answer: Answer) -> RemoteError:
        if answer.status in {403, 404} and not answer.sign_in:
            return Denied(
                f"GitLab does not let this token cancel the pipeline ({answer.status}): it needs the "
                "scope api, and its user a role that the project lets cancel, which is Developer at least"
            )
        return self._server.error_of(answer)

    async def _ours(self, ref: GitLabRef) -> Pipeline | None:
        pipeline = await self._poll.one(ref.project, ref.id)
        return pipeline if ref.owns(pipeline) else None

    async def test(self) -> str:
        project = await self._server.project(self._project)
        token = await self._token()
        problems = [
            *mistakes(project, token, triggers=self._triggers, by_inputs=self._order.by_inputs),
            *self._order.shortcomings(),
            *await self._mistakes_of_file(project),
        ]
        path = project.path[:_MAX_SHOWN]
        text = f"signed in; the project {path} {'is there' if problems else 'may be built'}"
        if token and token.expires:
            text += f"; the token expires on {token.expires}"
        return "; ".join([text, *problems])

    async def _token(self) -> TokenDocument | None:
        """What the token says of itself; None where an older GitLab, or another kind of token, does not."""
        answer = await self._server.call("GET", "api/v4/personal_access_tokens/self")
        if answer.status in {400, 401, 403, 404} and not answer.sign_in:
            return None
        return self._server.parsed(answer, TOKEN)

    async def _mistakes_of_file(self, project: ProjectDocument) -> Sequence[str]:
        """What is wrong with `ref` and the file of the pipeline there, as far as the token may read it."""
        ref, path = self._ref or project.branch, project.config or _FILE
        repository = f"{project_path(self._project)}/repository"
        if self._ref:
            answer = await self._server.call("GET", f"{repository}/commits/{quote(self._ref, safe='')}")
            if answer.missing:
                return [f"the project has no branch or tag {self._ref!r}: correct `ref`"]
        # It may be in another project, or at an address.
        if ref is None or "@" in path or "://" in path:
            return ()
        answer = await self._server.call(
            "GET", f"{repository}/files/{quote(path, safe='')}/raw", query={"ref": ref}, limit=_MAX_FILE
        )
        if answer.missing:
            return [f"there is no {one_line(path)} in {one_line(ref)}: add it where builds are to run"]
        found = DeclaredPipeline.parse(answer.body) if answer.good and not answer.truncated else None
        if found is None or not self._order.by_inputs:
            return ()
        names = tuple(sorted(found.inputs))[:_MAX_INPUTS]
        self._seen = SeenJob(job=self._job_name, parameters=names, seen_at=self._clock())
        return list(found.mistakes(self._settings.inputs))

    def advice(self, targets: Sequence[Target], seen: Sequence[SeenJob]) -> Sequence[Advice]:
        found = list(self._order.advice(targets))
        for one in seen:
            if one.job == self._job_name:
                for problem in undeclared(self._settings.inputs, one.parameters):
                    moment = f"{datetime.fromtimestamp(one.seen_at, UTC):%Y-%m-%d %H:%M} UTC"
                    again = f"then `buildbridge builders test {self.name}` sees it anew"
                    found.append(Advice(f"{problem}; this is as it was seen at {moment}: {again}"))
        return found

    async def aclose(self) -> None:
        await self._server.aclose()
