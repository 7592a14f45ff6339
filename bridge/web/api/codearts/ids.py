"""The ids of CodeArts: digests, so that nothing has to be kept, and an index to find a job by its id."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from uuid import UUID

from anyio import to_thread

from bridge.model.plan import RepositoryKey
from bridge.rules.match import RuleSet
from bridge.web.api.core.repositories import RuleKeeper

MAX_JOB_NAME: Final = 115
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]")


def digest(kind: str, name: str) -> str:
    """32 hexadecimal digits, always the same for one thing of one kind."""
    return sha256(f"{kind}\n{name}".encode()).hexdigest()[:32]


def job_id_of(key: RepositoryKey) -> str:
    return digest("job", "/".join(key))


def job_name_of(key: RepositoryKey) -> str:
    """What people read; other letters than those of job names become `_`."""
    return _NOT_IN_NAMES.sub("_", "-".join(key))[:MAX_JOB_NAME]


def project_id_of(namespace: str) -> str:
    return digest("project", namespace)


def build_project_id_of(key: RepositoryKey) -> str:
    """The same digits as the id of the job, in the form of a UUID."""
    return str(UUID(job_id_of(key)))


def user_id_of(name: str) -> str:
    return digest("user", name)


def executor_of(run_id: str) -> str:
    """The name of a run among the jobs that run."""
    return f"j_{digest('run', run_id)[:8]}"


@dataclass(frozen=True, slots=True)
class _Index:
    """The repositories and namespaces of one set of rules, by their ids."""

    rules: RuleSet
    jobs: Mapping[str, RepositoryKey] = field(default_factory=dict)
    projects: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: RuleSet) -> "_Index":
        namespaces = {namespace for namespace, _ in rules.repositories}
        return cls(
            rules,
            {job_id_of(key): key for key in rules.repositories},
            {project_id_of(namespace): namespace for namespace in namespaces},
        )


class Ids:
    """Finds what an id stands for, by an index that is made once for each set of rules in force."""

    def __init__(self, keeper: RuleKeeper) -> None:
        self._keeper = keeper
        self._known = _Index(RuleSet({}))

    async def key(self, job_id: str) -> RepositoryKey | None:
        """The repository of a job."""
        return (await self._index()).jobs.get(job_id)

    async def build_project(self, build_project_id: str) -> RepositoryKey | None:
        """The repository of a build project."""
        return await self.key(build_project_id.replace("-", ""))

    async def namespace(self, project_id: str) -> str | None:
        """The namespace of a project."""
        return (await self._index()).projects.get(project_id)

    async def _index(self) -> _Index:
        rules = self._keeper.in_force.rules
        if self._known.rules is not rules:
            self._known = await to_thread.run_sync(_Index.of, rules)
        return self._known
