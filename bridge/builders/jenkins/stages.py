"""The stages of Pipeline runs, from the plugin Pipeline: Stage View, where there is one.

Source: "Pipeline REST API Plugin", https://github.com/jenkinsci/pipeline-stage-view-plugin

Each run costs a request of its own. So it is looked at when it has ended, and before only when its log says
that a stage began or ended. Without an answer it is as if there were no stages.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

import anyio
from pydantic import ValidationError

from bridge.builders.base import RemoteStep, Status
from bridge.builders.jenkins.client import JenkinsServer
from bridge.builders.jenkins.model import JenkinsRef, StagesDocument, stages_path
from bridge.errors import RemoteError
from bridge.model.build import BuildState
from bridge.runtime.clock import Clock, Pause

# Plugins put times before it.
_MARK: Final = re.compile(r"\[Pipeline\] (?:(?:// )?stage|input)\b")
_PIPELINE: Final = "org.jenkinsci.plugins.workflow.job.WorkflowJob"
_REST_SECONDS: Final = 300.0
_MOST: Final = 20
_MOST_CHANGED: Final = 1000


class JenkinsStages:
    """The stages of the runs of one server."""

    def __init__(self, server: JenkinsServer, clock: Clock) -> None:
        self._server = server
        self._rest = Pause(clock)
        self._pipelines: set[str] = set()
        # The oldest first. The end of a log is read after its run was looked at last: such runs stay.
        self._changed: dict[tuple[str, int], None] = {}

    def saw_job(self, job: str, kind: str) -> None:
        """A list of the builds of a job says of what kind the job is."""
        (self._pipelines.add if kind == _PIPELINE else self._pipelines.discard)(job)

    def forget_all_but(self, jobs: Collection[str]) -> None:
        """Forget of what kind the other jobs are."""
        self._pipelines.intersection_update(jobs)

    def saw_log(self, job: str, number: int, text: str) -> None:
        """The log of a run goes on with `text`."""
        if _MARK.search(text):
            self._changed[job, number] = None
            if len(self._changed) > _MOST_CHANGED:
                del self._changed[next(iter(self._changed))]

    async def fill(self, found: Mapping[str, Status]) -> dict[str, Status]:
        """The statuses, with the stages of runs that have ended or changed.

        Of very many, those that have ended are left out until the next time.
        """
        wanted = {name: run for name, status in found.items() if (run := self._to_look_at(status))}
        if not wanted or self._rest.left:
            return dict(found)
        names = sorted(wanted, key=lambda name: not found[name].state.terminal)
        late = {name for name in names[_MOST:] if found[name].state.terminal}
        filled = {name: status for name, status in found.items() if name not in late}

        async def one(name: str) -> None:
            filled[name] = _with_stages(found[name], await self._stages(*wanted[name]))

        async with anyio.create_task_group() as tasks:
            for name in names[:_MOST]:
                tasks.start_soon(one, name)
        return filled

    def _to_look_at(self, status: Status) -> tuple[str, int] | None:
        if status.handle is None or not (self._changed or status.state.terminal):
            return None
        ref = JenkinsRef.parse(status.handle)
        if ref.build is None or ref.job not in self._pipelines:
            return None
        run = ref.job, ref.build
        return run if status.state.terminal or run in self._changed else None

    async def _stages(self, job: str, number: int) -> list[RemoteStep]:
        self._changed.pop((job, number), None)
        try:
            answer = await self._server.call("GET", stages_path(job, number))
            document = StagesDocument.model_validate_json(answer.body if answer.status == 200 else b"")  # noqa: PLR2004  # HTTP
        except (RemoteError, ValidationError):
            self._rest.begin(_REST_SECONDS)
            return []
        return [stage.step for stage in document.stages if stage.known]


def _with_stages(status: Status, steps: list[RemoteStep]) -> Status:
    """The status with these stages: a build that failed says in which of them.

    After a stage that failed others may be shown as failed that were only skipped.
    """
    failed = [step for step in steps if step.state is BuildState.FAILED]
    # What is unstable fails a build only where nothing else has.
    failed.sort(key=lambda step: bool(step.detail))
    if status.state is BuildState.FAILED and failed:
        where = f"{status.detail or 'failed'} in the stage {failed[0].name}"
        status = replace(status, detail=where, stage=failed[0].name)
    return replace(status, steps=steps)
