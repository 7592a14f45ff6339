"""Builds as callers may see and change them; who may not see a build cannot tell it from one there is not."""

from dataclasses import replace
from typing import Final

from bridge.model.access import Principal, Role
from bridge.model.build import Build
from bridge.store.base import Builds
from bridge.store.values import BuildFilter, Cursor, Page
from bridge.web.api.core.errors import NotFound

_NO_BUILD: Final = "there is no such build, or it takes a token to see it"


class BuildAccess:
    """What callers may see of builds."""

    def __init__(self, builds: Builds) -> None:
        self._builds = builds

    async def one(self, principal: Principal | None, build_id: str) -> Build:
        """Raises NotFound."""
        return _visible(principal, await self._builds.get(build_id))

    async def page(
        self, principal: Principal | None, cursor: Cursor, size: int, only: BuildFilter
    ) -> Page[Build]:
        """The builds that the caller may see, of those that `only` asks for."""
        readable = frozenset() if principal is None else principal.namespaces
        return await self._builds.page(cursor, size, replace(only, readable=readable))


def sees(principal: Principal | None, namespace: str) -> bool:
    return principal is not None and principal.may(Role.VIEWER, namespace)


def _visible(principal: Principal | None, build: Build | None) -> Build:
    if build is None or not (build.origin.is_public or sees(principal, build.namespace)):
        raise NotFound(_NO_BUILD)
    return build
