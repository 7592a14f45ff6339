"""The jobs of a builder: their definitions as Jenkins shows them."""

from typing import Final

from bridge.builders.jenkins.client import JenkinsServer
from bridge.builders.jenkins.items import (
    BRANCH,
    NOT_EXACT,
    JenkinsJob,
    job_tree,
)
from bridge.errors import Denied, Permanent
from bridge.model.build import SeenJob
from bridge.runtime.clock import Clock

# Seconds for which a job's definition is used again: after a change, rejected triggers show it anyway.
_JOB_MAX_AGE: Final = 600.0
_MAX_JOBS: Final = 256
_MAX_SHOWN: Final = 100


class NoJob(Denied):
    """Jenkins shows no such job; it says the same of one that this user may not see."""


class JobCache:
    """The definition of the job of this full `name`, cached while it can be trusted.

    What is seen of it counts for the job that the settings name, which may have `{branch}`.
    """

    def __init__(self, name: str, setting: str, server: JenkinsServer, clock: Clock) -> None:
        self.name = name
        self._setting = setting
        self._server = server
        self._clock = clock
        self._kept: tuple[JenkinsJob, str | None, float] | None = None
        self.seen: SeenJob | None = None

    async def get(self) -> JenkinsJob:
        """Raises RemoteError."""
        if self._kept:
            job, session, read_at = self._kept
            # Without our id, only the session proves that a queue number is ours: it must be fresh.
            if job.searchable and session == self._server.session and self._clock() - read_at < _JOB_MAX_AGE:
                return job
        return await self.read()

    async def read(self) -> JenkinsJob:
        """The definition as it is now. Raises RemoteError, NoJob where Jenkins shows none."""
        job = await self.look()
        if job is None:
            raise NoJob(f"Jenkins shows no job {self.name!r} to this user (404): check `job` and permissions")
        return job

    async def look(self) -> JenkinsJob | None:
        """The definition as it is now; None where Jenkins shows none. Raises RemoteError."""
        self._kept = None
        job = await self._server.read(job_tree(self.name), JenkinsJob)
        if job is None:
            return None
        if job.is_root:
            raise Permanent(f"Jenkins shows itself in place of the job {self.name!r}: {NOT_EXACT}")
        if not job.is_job:
            kind = job.kind.rpartition(".")[2][:_MAX_SHOWN] or "something else"
            which = f"{self.name}/{BRANCH}, for the pushed branch" if job.is_multibranch else "a job in it"
            raise Permanent(f"{self.name!r} is not a job but a {kind}: set `job` to {which}")
        self._kept = job, self._server.session, self._clock()
        self.seen = SeenJob(job=self._setting, parameters=tuple(job.definitions), seen_at=self._clock())
        return job

    def forget(self) -> None:
        self._kept = None


class Jobs:
    """The jobs of a builder whose settings name this one: with `{branch}`, those that were used last."""

    def __init__(self, setting: str, server: JenkinsServer, clock: Clock) -> None:
        self._setting = setting
        self._server = server
        self._clock = clock
        self._caches: dict[str, JobCache] = {}

    def of(self, name: str) -> JobCache:
        cache = self._caches.pop(name, None) or JobCache(name, self._setting, self._server, self._clock)
        self._caches[name] = cache
        if len(self._caches) > _MAX_JOBS:
            del self._caches[next(iter(self._caches))]
        return cache

    @property
    def seen(self) -> SeenJob | None:
        """What was seen last."""
        seen = (cache.seen for cache in self._caches.values() if cache.seen)
        return max(seen, key=lambda one: one.seen_at, default=None)
