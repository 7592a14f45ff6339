"""What channels would send about a build, for admins."""

from collections.abc import AsyncIterator

import httpx
import pytest
from support.answers import bad, good
from support.api import api_of, bearer, client_of, issue
from support.scripted import Store

from bridge.model.access import Role
from bridge.model.build import BuildState
from bridge.planning.notice_policy import NoticePolicy


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api_of(store)) as opened:
        opened.headers.update(bearer(await issue(store, Role.ADMIN)))
        yield opened


async def test_what_channels_would_send_of_a_build_is_of_its_newest_event_or_of_another(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await store.add_build()
    await store.builds.transition(build.id, BuildState.FAILED, NoticePolicy(store.clock))
    address = f"/v1/builds/{build.id}/previews"
    assert good(await client.get(address)) == [{"channel": "team", "text": "buildJobFail None\n"}]
    (asked,) = good(await client.get(f"{address}?event=buildJobFixed&language=zh-CN"))
    assert asked["text"] == "buildJobFixed zh-CN\n"
    for none_of_builds in ("buildJobBroken", "serviceDegraded", "updateConfigJob"):
        bad(await client.get(f"{address}?event={none_of_builds}"), 400)


async def test_nothing_would_be_sent_of_a_build_that_has_not_begun(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await store.add_build()
    said = bad(await client.get(f"/v1/builds/{build.id}/previews"), 409)
    assert said == "there is no notice of acme/shop #1 yet: it has not begun"
    bad(await client.get("/v1/builds/none/previews"), 404)
