"""What all dialects do with repositories for a call."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.responses import Response

from bridge.model.plan import RepositoryKey
from bridge.rules.in_force import KnownRepository
from bridge.web.api.caching import only_if_unchanged
from bridge.web.api.core.core import Core
from bridge.web.api.core.repositories import RepositoryPage
from bridge.web.api.operation import Call
from bridge.web.api.pages import PAGE_SIZE
from bridge.web.api.queries import RepositoryQuery


class RepositoryCalls:
    """The calls. They raise what `RepositoryAccess` does."""

    def __init__(self, core: Core) -> None:
        self._repositories = core.repositories

    def one(self, call: Call, key: RepositoryKey) -> KnownRepository:
        return self._repositories.one(call.principal, *key)

    def page(self, call: Call, query: RepositoryQuery) -> RepositoryPage:
        return self._repositories.page(
            call.principal,
            query.namespace,
            query.text,
            size=PAGE_SIZE,
            number=query.page,
            after=query.after,
            before=query.before,
        )

    async def create(self, call: Call, namespace: str, document: Mapping[str, Any]) -> KnownRepository:
        return await self._repositories.create(call.principal, namespace, document, call.origin)

    async def replace_build_config(
        self,
        call: Call,
        key: RepositoryKey,
        build_config: Mapping[str, Any],
        shown: Callable[[KnownRepository], Response] | None = None,
    ) -> KnownRepository:
        """With an If-Match, only a repository whose ETag that is, as it is `shown`."""
        check = shown and only_if_unchanged(call.request, shown)
        return await self._repositories.replace_build_config(
            call.principal, key, build_config, call.origin, check
        )

    async def disable(self, call: Call, key: RepositoryKey, reason: str) -> None:
        await self._repositories.disable(call.principal, key, reason, call.origin)

    async def enable(self, call: Call, key: RepositoryKey) -> None:
        await self._repositories.enable(call.principal, key, call.origin)

    async def set_notices(self, call: Call, key: RepositoryKey, notices: Sequence[Mapping[str, Any]]) -> None:
        await self._repositories.set_notices(call.principal, key, notices, call.origin)

    async def delete(self, call: Call, key: RepositoryKey) -> None:
        await self._repositories.delete(call.principal, key, call.origin)


def address(call: Call) -> RepositoryKey:
    """The repository that the path of a call names."""
    return call.path["namespace"], call.path["repo_name"]
