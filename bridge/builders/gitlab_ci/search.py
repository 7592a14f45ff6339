"""The pipeline that has our build id, among those that were started as ours.

The id is a variable of the pipeline, or the pipeline's name shows it. What is too old to be ours is not read:
the id itself says when it was made.
"""

import re
import time
from http import HTTPStatus
from typing import Final

from bridge.builders.base import Search
from bridge.builders.gitlab_ci.client import GitLabServer, pipelines_path
from bridge.builders.gitlab_ci.lists import PipelineLists
from bridge.builders.gitlab_ci.model import BUILD_ID, VARIABLES, Pipeline
from bridge.builders.gitlab_ci.settings import Project
from bridge.errors import Transient
from bridge.model.build import not_before

_MAX_PAGES: Final = 20
_MAX_READ: Final = 100
"""How many pipelines are asked for their variables in one search; the next one goes on."""
_MAX_KEPT: Final = 4096
_ANY_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class PipelineSearch:
    """The pipelines of one project, and whose they are; `by_variable` says how our id travels."""

    def __init__(
        self, server: GitLabServer, lists: PipelineLists, project: Project, *, by_variable: bool
    ) -> None:
        self._server = server
        self._lists = lists
        self._project = project
        self._by_variable = by_variable
        self._ids: dict[int, str | None] = {}

    async def find(self, build_id: str) -> Pipeline | Search | None:
        """None when there is certainly none. Raises RemoteError, also while there is more to read."""
        await self._server.project(self._project)
        since = self._since(build_id)
        hidden = False
        left = _MAX_READ
        for number in range(1, _MAX_PAGES + 1):
            page = await self._lists.page(self._project, number, since)
            for pipeline in page:
                if _names(pipeline, build_id):
                    return pipeline
                if not self._by_variable:
                    hidden |= not _ANY_ID.search(pipeline.name or "")
                    continue
                if pipeline.id not in self._ids:
                    if not left:
                        raise Transient("the pipelines of GitLab are still being searched for the build")
                    left -= 1
                    self._keep(pipeline.id, await self._read(pipeline.id))
                identity = self._ids[pipeline.id]
                if identity == build_id:
                    return pipeline
                hidden |= identity is None
            if not page:
                return Search.UNSEARCHABLE if hidden else None
        # It may be on a page behind those.
        return Search.UNSEARCHABLE

    def _since(self, build_id: str) -> float | None:
        """Before which moment of GitLab's clock nothing can be ours; None where that is not certain."""
        moment, ahead = not_before(build_id, time.time()), self._server.ahead
        return None if moment is None or ahead is None else moment + ahead

    async def _read(self, number: int) -> str | None:
        """The build id among the variables of a pipeline, "" without one; None where they are not shown."""
        answer = await self._server.call("GET", f"{pipelines_path(self._project)}/{number}/variables")
        if answer.status in {403, 404} and not answer.sign_in:
            return None if answer.status == HTTPStatus.FORBIDDEN else ""
        found = self._server.parsed(answer, VARIABLES)
        return next((one.value or "" for one in found if one.key == BUILD_ID), "")

    def _keep(self, number: int, identity: str | None) -> None:
        self._ids[number] = identity
        while len(self._ids) > _MAX_KEPT:
            self._ids.pop(next(iter(self._ids)))


def _names(pipeline: Pipeline, build_id: str) -> bool:
    """Whether its name has this id, and not that of another run, which is longer."""
    whole = rf"(?<![\w.-]){re.escape(build_id)}(?![\w-]|\.\d)"
    return re.search(whole, pipeline.name or "") is not None
