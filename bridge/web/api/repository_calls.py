"""What the dialects with documents of Alauda's kind do with repositories; changes are on the audit trail."""

from typing import Any

from bridge.model.audit import Action
from bridge.model.plan import RepositoryKey
from bridge.rules.in_force import KnownRepository
from bridge.web.api.core.core import Core
from bridge.web.api.core.repositories import RepositoryPage
from bridge.web.api.operation import Call
from bridge.web.api.pages import PAGE_SIZE
from bridge.web.api.queries import RepositoryQuery
from bridge.web.api.repository_documents import (
    ChangedBuildConfig,
    NewRepository,
    build_config_document,
    repository_story,
)


class RepositoryCalls:
    """The calls; the repository is that of the address. They raise what `RepositoryAccess` does."""

    def __init__(self, core: Core) -> None:
        self._repositories = core.repositories
        self._audit = core.store.audit

    def one(self, call: Call) -> KnownRepository:
        return self._repositories.one(call.principal, *_key(call))

    def page(self, call: Call, query: RepositoryQuery) -> RepositoryPage:
        return self._repositories.page(
            call.principal,
            query.namespace,
            size=PAGE_SIZE,
            number=query.page,
            after=query.after,
            before=query.before,
        )

    async def create(self, call: Call, body: NewRepository) -> KnownRepository:
        made = await self._repositories.create(call.principal, call.path["namespace"], body.content)
        after = repository_story(made, trusted=True)
        await self._note(call, Action.REPOSITORY_CREATED, made, after=after)
        return made

    async def replace_build_config(self, call: Call, body: ChangedBuildConfig) -> KnownRepository:
        before = build_config_document(self.one(call))
        found = await self._repositories.replace_build_config(call.principal, *_key(call), body.content)
        after = build_config_document(found)
        await self._note(call, Action.REPOSITORY_CHANGED, found, before=before, after=after)
        return found

    async def delete(self, call: Call) -> None:
        found = self.one(call)
        await self._repositories.delete(call.principal, *_key(call))
        before = repository_story(found, trusted=True)
        await self._note(call, Action.REPOSITORY_DELETED, found, before=before)

    async def _note(
        self, call: Call, action: Action, known: KnownRepository, *, before: Any = None, after: Any = None
    ) -> None:
        subject = known.repository.path
        await self._audit.add(call.caller, action, subject, origin=call.origin, before=before, after=after)


def _key(call: Call) -> RepositoryKey:
    return call.path["namespace"], call.path["repo_name"]
