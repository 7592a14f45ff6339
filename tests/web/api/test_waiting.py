# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""Why builds and notices wait, as each dialect shows it and as far as each caller may see it."""

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
from support.answers import good
from support.api import api_of, bearer, client_of, issue
from support.keeping import keeper_of
from support.listed import add_notice, notice_about
from support.scripted import START, Store
from support.trail import change_by

from bridge.channels.reasons import reasons
from bridge.model.access import Role
from bridge.model.build import BuildState
from bridge.model.notice import EventName

BEHIND = "behind {}, which writes the same tag"


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    keeper = await keeper_of(store, store.path.parent)
    async with client_of(api_of(store, keeper=keeper)) as opened:
        yield opened


async def test_every_view_of_a_build_says_what_it_waits_for(store: Store, client: httpx.AsyncClient) -> None:
    await store.add_build("1")
    build = await store.add_build("2")
    headers = bearer(await issue(store))
    path = f"/v1/builds/{build.id}"
    (row, first) = good(await client.get("/v1/builds", headers=headers))["results"]
    delivery = good(await client.get(f"/v1/deliveries/{build.origin.delivery_id}", headers=headers))
    (alauda, _) = (await client.get("/alauda/v1/builds", headers=headers)).json()["results"]
    shown = good(await client.get(path, headers=headers))
    said = [one["detail"] for one in (row, shown, *delivery["builds"], alauda)]
    assert said == [BEHIND.format("#1")] * 4
    assert first["detail"] == ""


async def test_a_run_that_waits_again_says_for_what(store: Store, client: httpx.AsyncClient) -> None:
    ended = await store.add_build("1")
    await store.builds.request_cancel(ended.id, "cancelled by ann", change_by())
    await store.builds.transition(ended.id, BuildState.CANCELLED, lambda *_: [])
    await store.health.degrade("builder:here", "no answer")
    headers = bearer(await issue(store, Role.MEMBER))
    again = good(await client.post(f"/v1/builds/{ended.id}/retry", headers=headers))
    assert again["detail"] == "here down since 2023-11-14T22:13:20.000Z: no answer"


async def test_a_build_of_a_repository_that_the_caller_may_not_see_is_not_named(
    store: Store, client: httpx.AsyncClient
) -> None:
    await store.add_build("1", namespace="lab", repo_name="secret")
    build = await store.add_build("2", is_public=True)

    async def said(headers: dict[str, str]) -> str:
        (row,) = good(await client.get("/v1/builds?namespace=acme", headers=headers))["results"]
        assert good(await client.get(f"/v1/builds/{build.id}", headers=headers))["detail"] == row["detail"]
        return str(row["detail"])

    of_acme, of_all = await issue(store, Role.VIEWER, "acme"), await issue(store)
    hidden = BEHIND.format("a build of another repository")
    assert [await said({}), await said(bearer(of_acme))] == [hidden, hidden]
    assert await said(bearer(of_all)) == BEHIND.format("lab/secret #1")


async def test_how_many_builds_a_builder_has_is_for_who_may_see_private_ones(
    store: Store, client: httpx.AsyncClient
) -> None:
    running = await store.add_build("1", namespace="lab", repo_name="secret")
    await store.builds.transition(running.id, BuildState.TRIGGERING, lambda *_: [])
    build = await store.add_build("2", tags=("other",), is_public=True)
    path = f"/v1/builds/{build.id}"
    assert good(await client.get(path))["detail"] == "here is busy"
    headers = bearer(await issue(store, Role.VIEWER, "acme"))
    assert good(await client.get(path, headers=headers))["detail"] == "here is busy with 1 build"


async def test_every_view_of_a_notice_says_what_it_waits_for(store: Store, client: httpx.AsyncClient) -> None:
    await add_notice(store, "a")
    await store.health.pause("channel:team", START + 600, "130101")
    headers = bearer(await issue(store))
    (row,) = good(await client.get("/v1/notices?channel=team", headers=headers))["results"]
    shown = good(await client.get("/v1/notices/a", headers=headers))
    why = "team paused until 2023-11-14T22:23:20.000Z: 130101"
    assert [row["detail"], shown["detail"]] == [why, why]


async def test_a_notice_that_is_due_says_for_what_it_waits_in_words_that_have_a_chinese_form(
    store: Store, client: httpx.AsyncClient
) -> None:
    headers, say = bearer(await issue(store)), reasons("zh-CN", {})

    async def said() -> tuple[str, str]:
        (row,) = good(await client.get("/v1/notices?channel=team", headers=headers))["results"]
        return row["detail"], say(row["detail"])

    success = replace(notice_about("a", None, START), event=EventName.SUCCESS)
    await store.notices.add([success])
    await store.notices.note_wait("team", quiet_until=START + 600, rate_until=0.0)
    at = "2023-11-14T22:23:20.000Z"
    assert await said() == (f"quiet hours of team until {at}", f"渠道 team 免打扰，到 {at} 为止")
    await store.notices.note_wait("team", quiet_until=0.0, rate_until=START + 600)
    assert await said() == (
        f"team may send no more before {at}",
        f"渠道 team 的发送频率已到上限，{at} 之后再发",
    )
    await store.health.pause("channel:team", START + 600, "130101")
    assert (await said())[1] == f"team 暂停到 {at}：130101"
    await store.health.degrade("channel:team", "no answer within 45 s")
    assert (await said())[1] == "team 从 2023-11-14T22:13:20.000Z 起异常：45 秒内没有应答"
