"""Builds as callers may see and change them; who may not see a build cannot tell it from one there is not."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

import anyio

from bridge.errors import CannotRetry
from bridge.model.access import Principal, Role
from bridge.model.audit import Action, Change
from bridge.model.build import Build
from bridge.planning.notice_policy import NoticePolicy
from bridge.store.base import Store
from bridge.store.values import BuildFilter, Cursor, Page
from bridge.web.api.core.access import require_in
from bridge.web.api.core.errors import Conflict, NotFound
from bridge.web.api.core.reasons import builds_with_reasons
from bridge.web.api.core.resolving import Resolution, resolve

_NO_BUILD: Final = "there is no such build, or it takes a token to see it"
_NO_BUILD_FOR_YOU: Final = "there is no such build, or your token may not see it"


class BuildAccess:
    """What callers may see of builds and do with them; `wake` is called when one waits again or is to end.

    `notice_policy` is what is in force now.
    """

    def __init__(
        self,
        store: Store,
        notice_policy: Callable[[], NoticePolicy],
        wake: Callable[[], None],
        one_list: anyio.Semaphore,
    ) -> None:
        self._one_list = one_list
        self._notice_policy = notice_policy
        self._store = store
        self._builds = store.builds
        self._wake = wake

    async def one(self, principal: Principal | None, build_id: str) -> Build:
        """Raises NotFound."""
        return _visible(principal, await self._builds.get(build_id))

    async def numbered(
        self, principal: Principal | None, namespace: str, repo_name: str, number: int
    ) -> Build:
        """Raises NotFound."""
        return _visible(principal, await self._builds.by_number(namespace, repo_name, number))

    async def cancel(self, caller: Principal, build: Build, origin: str) -> None:
        """Ask for the end of a build. Raises Forbidden, and Conflict for one that has ended or is to end."""
        require_in(caller, Role.MEMBER, build.namespace)
        change = _change(caller, Action.BUILD_CANCELLED, build, origin)
        if not await self._builds.request_cancel(build.id, f"cancelled by {caller.name}", change):
            raise Conflict(f"{build.full_name} #{build.number} has ended, or is to end already")
        self._wake()

    async def retry(self, caller: Principal, build: Build, origin: str, claim_id: str | None = None) -> Build:
        """Make another run of a build that has ended, once with the id of a claimed idempotency key.

        Raises Forbidden, and Conflict for one that has not ended.
        """
        require_in(caller, Role.MEMBER, build.namespace)
        try:
            again = await self._builds.retry(
                build.id,
                _change(caller, Action.BUILD_RETRIED, build, origin),
                f"retried by {caller.name}",
                claim_id,
                notices_for=self._notice_policy(),
            )
        except CannotRetry as error:
            raise Conflict(str(error)) from None
        self._wake()
        return again

    async def resolve(
        self, caller: Principal, build: Build, state: Resolution, reason: str, origin: str
    ) -> Build:
        """Say how a build ended that is `unknown`; the notices of that end follow.

        Raises Forbidden, and Conflict for one that is not unknown.
        """
        require_in(caller, Role.MEMBER, build.namespace)
        why = f"resolved by {caller.name}: {reason}"
        change = replace(_change(caller, Action.BUILD_RESOLVED, build, origin), after={"state": state})
        ended = await resolve(self._builds, build, state, why, self._notice_policy(), change=change)
        if ended is None:
            raise Conflict(f"{build.full_name} #{build.number} is not unknown: it is {build.state}")
        self._wake()
        return ended

    async def page(
        self, principal: Principal | None, cursor: Cursor, size: int, only: BuildFilter
    ) -> Page[Build]:
        """The builds that the caller may see, of those that `only` asks for, with what they wait for."""
        readable = frozenset() if principal is None else principal.namespaces
        async with self._one_list:
            page = await self._builds.page(cursor, size, replace(only, readable=readable))
            return replace(page, rows=await self.with_reasons(principal, page.rows))

    async def with_reasons(self, principal: Principal | None, builds: Sequence[Build]) -> Sequence[Build]:
        """The builds; of those that wait `detail` says for what, as far as the caller may see it."""
        return await builds_with_reasons(self._store, builds, partial(sees, principal))


def sees(principal: Principal | None, namespace: str) -> bool:
    return principal is not None and principal.may(Role.VIEWER, namespace)


def _change(caller: Principal, action: Action, build: Build, origin: str) -> Change:
    return Change(who=caller, action=action, subject=build.id, origin=origin, before={"state": build.state})


def _visible(principal: Principal | None, build: Build | None) -> Build:
    if build is None or not (build.origin.is_public or sees(principal, build.namespace)):
        raise NotFound(_NO_BUILD if principal is None else _NO_BUILD_FOR_YOU)
    return build
