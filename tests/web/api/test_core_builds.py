"""Which builds a caller may see."""

from typing import Any

import anyio
import pytest
from support.api import nothing
from support.scripted import Store

from bridge.model.access import Principal, Role
from bridge.planning.notice_policy import NoticePolicy
from bridge.store.values import BuildFilter, Cursor
from bridge.web.api.core.builds import BuildAccess
from bridge.web.api.core.errors import NotFound

VIEWER = Principal(name="ann", role=Role.VIEWER, namespaces=frozenset({"acme", "globex"}))
ADMIN = Principal(name="root", role=Role.ADMIN)


async def filled(store: Store) -> dict[str, str]:
    """The ids of builds, public and private ones of three namespaces."""
    made = {}
    for namespace in ("acme", "globex", "other"):
        for is_public in (True, False):
            key = f"{namespace} {is_public}"
            build = await store.add_build(key, namespace=namespace, is_public=is_public)
            made[f"{namespace} {'public' if is_public else 'private'}"] = build.id
    return made


async def test_who_reads_some_namespaces_lists_these_and_what_is_public(store: Store) -> None:
    made = await filled(store)
    access = BuildAccess(store, lambda: NoticePolicy(store.clock), nothing, anyio.Semaphore(1))

    async def shown(principal: Principal | None, size: int = 20, **only: Any) -> list[str]:
        """What the pages show one after the other, each name once where nothing is shown twice."""
        names = {build_id: name for name, build_id in made.items()}
        page = await access.page(principal, Cursor(), size, BuildFilter(**only))
        found = [names[build.id] for build in page.rows]
        while page.older:
            older = Cursor(before=page.rows[-1].id)
            page = await access.page(principal, older, size, BuildFilter(**only))
            found += [names[build.id] for build in page.rows]
        assert page.count == len(found)
        return found

    newest_first = list(reversed(made))
    seen = [name for name in newest_first if name != "other private"]
    public = [name for name in newest_first if "public" in name]
    for size in (1, 2, 20):
        assert await shown(ADMIN, size) == newest_first
        assert await shown(VIEWER, size) == seen
        assert await shown(None, size) == public
    assert await shown(VIEWER, namespace="acme") == ["acme private", "acme public"]
    assert await shown(VIEWER, namespace="other") == ["other public"]


async def test_what_may_not_be_seen_does_not_seem_to_exist(store: Store) -> None:
    made = await filled(store)
    access = BuildAccess(store, lambda: NoticePolicy(store.clock), nothing, anyio.Semaphore(1))
    assert (await access.one(VIEWER, made["acme private"])).id == made["acme private"]
    assert (await access.one(VIEWER, made["other public"])).id == made["other public"]
    for principal, hidden, cure in (
        (VIEWER, made["other private"], "or your token may not see it"),
        (None, made["acme private"], "or it takes a token to see it"),
    ):
        for build_id in (hidden, "x"):
            with pytest.raises(NotFound, match=f"^there is no such build, {cure}$"):
                await access.one(principal, build_id)
