"""Another attempt of a run in place of a new run: its number, commit and inputs stay.

A request for one says nothing by which the attempt could be recognised. But attempts are numbered, and only
one of a run goes on at a time: the one after the last attempt of ours is ours, if it began after we asked.

Source: GitHub, "Re-running workflows and jobs"
(https://docs.github.com/en/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs)
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus

from bridge.builders.actions.model import ActionsRef, Run
from bridge.builders.actions.poll import CLOCKS
from bridge.builders.actions.server import ActionsServer
from bridge.builders.actions.workflow import Workflow
from bridge.builders.base import Ambiguous, Handle, Outcome, Rejected, unsent
from bridge.errors import Permanent, RemoteError, Unanswered
from bridge.model.build import BuildRequest


class Reruns:
    """The re-runs of one workflow, which `read` reads at a commit. Nothing is asked where there are none."""

    def __init__(
        self,
        server: ActionsServer,
        repository: str,
        file: str,
        read: Callable[[str], Awaitable[Workflow | None]],
    ) -> None:
        self._server = server
        self._place = repository, file
        self._read = read

    def _earlier(self, request: BuildRequest) -> ActionsRef | None:
        """The run before, if it was one of this workflow."""
        if request.previous is None or not self._server.attempts:
            return None
        with suppress(Permanent):  # the handle can be of a builder that had this name
            ref = ActionsRef.parse(request.previous.handle)
            return ref if ref.run and (ref.repository, ref.workflow) == self._place else None
        return None

    async def attempt(self, request: BuildRequest, workflow: Workflow) -> ActionsRef | None:
        """The attempt to ask for, if it builds what a new run of `workflow` would. Raises Transient.

        A run that goes on, or that a person has run again since, is left alone.
        """
        ref = self._earlier(request)
        if ref is None:
            return None
        with suppress(Permanent):
            run = await self._newest(ref)
            if run and run.commit and run.ended and run.attempt == ref.attempt:
                # With other inputs than then, it would not get what it gets now.
                return _next(ref, request) if await self._read(run.commit) == workflow else None
        return None

    async def start(self, ref: ActionsRef, workflow: Workflow, request: BuildRequest) -> Outcome | None:
        """Ask for an attempt once; None where that was refused, so that a new run is not a second one."""
        assert ref.run is not None
        try:
            answer = await self._server.rerun(ref.repository, ref.run)
        except Unanswered as error:
            return Ambiguous(str(error))
        except RemoteError as error:
            return unsent(error)
        if answer.status == HTTPStatus.CREATED:
            return workflow.sent(ref.handle, f"re-run as attempt {ref.attempt} of run {ref.run}", request)
        outcome = self._server.refused(answer)
        # A run that is too old, for example; or a token that may start runs only by events.
        forbidden = answer.status == HTTPStatus.FORBIDDEN and not answer.sign_in
        return None if forbidden or isinstance(outcome, Rejected) else outcome

    async def find(self, request: BuildRequest) -> Handle | None:
        """The attempt after that of the run before; None where none was begun for us. Raises RemoteError."""
        ref = self._earlier(request)
        if ref is None or request.previous is None:
            return None
        run = await self._newest(ref)
        # That had ended: one that goes on is the next attempt, whether its number is shown yet or not.
        if run is None or (run.attempt <= ref.attempt and run.ended):
            return None
        again = _next(ref, request)
        shown = await self._server.attempt(again, run)
        if shown and shown.began_at and shown.began_at < request.previous.followed_at - CLOCKS:
            return None
        return again.handle

    async def _newest(self, ref: ActionsRef) -> Run | None:
        assert ref.run is not None
        return await self._server.run(ref.repository, ref.run)


def _next(ref: ActionsRef, request: BuildRequest) -> ActionsRef:
    return ref.model_copy(update={"build": request.build_id, "attempt": ref.attempt + 1})
