"""What all dialects do with repositories for a call; changes are on the audit trail."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.responses import Response

from bridge.model.audit import Action
from bridge.model.plan import RepositoryKey
from bridge.rules.in_force import KnownRepository
from bridge.web.api.caching import only_if_unchanged
from bridge.web.api.core.core import Core
from bridge.web.api.core.repositories import RepositoryPage
from bridge.web.api.operation import Call
from bridge.web.api.pages import PAGE_SIZE
from bridge.web.api.queries import RepositoryQuery
from bridge.web.api.repository_documents import build_config_document, repository_story


class RepositoryCalls:
    """The calls. They raise what `RepositoryAccess` does."""

    def __init__(self, core: Core) -> None:
        self._repositories = core.repositories
        self._audit = core.store.audit

    def one(self, call: Call, key: RepositoryKey) -> KnownRepository:
        return self._repositories.one(call.principal, *key)

    def page(self, call: Call, query: RepositoryQuery) -> RepositoryPage:
        return self._repositories.page(
            call.principal,
            query.namespace,
            size=PAGE_SIZE,
            number=query.page,
            after=query.after,
            before=query.before,
        )

    async def create(self, call: Call, namespace: str, document: Mapping[str, Any]) -> KnownRepository:
        made = await self._repositories.create(call.principal, namespace, document)
        after = repository_story(made, trusted=True)
        await self._note(call, Action.REPOSITORY_CREATED, made.repository.key, after=after)
        return made

    async def replace_build_config(
        self,
        call: Call,
        key: RepositoryKey,
        build_config: Mapping[str, Any],
        shown: Callable[[KnownRepository], Response] | None = None,
    ) -> KnownRepository:
        """With an If-Match, only a repository whose ETag that is, as it is `shown`."""
        check = shown and only_if_unchanged(call.request, shown)
        before = build_config_document(self.one(call, key))
        found = await self._repositories.replace_build_config(call.principal, *key, build_config, check)
        after = build_config_document(found)
        await self._note(call, Action.REPOSITORY_CHANGED, key, before=before, after=after)
        return found

    async def disable(self, call: Call, key: RepositoryKey, reason: str) -> None:
        await self._repositories.disable(call.principal, *key, reason)
        after = {"disabled": True} | ({"reason": reason} if reason else {})
        await self._note(call, Action.REPOSITORY_CHANGED, key, after=after)

    async def enable(self, call: Call, key: RepositoryKey) -> None:
        await self._repositories.enable(call.principal, *key)
        await self._note(call, Action.REPOSITORY_CHANGED, key, after={"disabled": False})

    async def set_notices(self, call: Call, key: RepositoryKey, notices: Sequence[Mapping[str, Any]]) -> None:
        before = _notices(self.one(call, key))
        found = await self._repositories.set_notices(call.principal, *key, notices)
        await self._note(call, Action.REPOSITORY_CHANGED, key, before=before, after=_notices(found))

    async def delete(self, call: Call, key: RepositoryKey) -> None:
        before = repository_story(self.one(call, key), trusted=True)
        await self._repositories.delete(call.principal, *key)
        await self._note(call, Action.REPOSITORY_DELETED, key, before=before)

    async def _note(
        self, call: Call, action: Action, key: RepositoryKey, *, before: Any = None, after: Any = None
    ) -> None:
        subject = "/".join(key)
        await self._audit.add(call.caller, action, subject, origin=call.origin, before=before, after=after)


def address(call: Call) -> RepositoryKey:
    """The repository that the path of a call names."""
    return call.path["namespace"], call.path["repo_name"]


def _notices(known: KnownRepository) -> Mapping[str, Any]:
    """Its own notices; null where the default ones hold."""
    return {"notices": repository_story(known, trusted=True)["notices"]}
