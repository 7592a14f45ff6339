"""The page of the health: what works since when, what does not and why, and tests and reloads of admins."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from support.api import api_of, bearer, client_of, issue
from support.keeping import NoRules, keeper_of
from support.listed import add_notice
from support.scripted import Store, quiet
from support.shown import once_of, shown, words

from bridge.errors import ConfigError, Fault
from bridge.model.access import Role
from bridge.model.build import BuildState
from bridge.model.notice import NoticeState
from bridge.rules.disk import Reloaded
from bridge.store.values import Cursor
from bridge.web.pages import health

HOSTILE: Final = "<script>alert(1)</script>\"'{{ 7*7 }}\u202e"


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    keeper = await keeper_of(store, store.path.parent)
    async with client_of(api_of(store, keeper=keeper)) as opened:
        opened.headers["accept-language"] = "en"
        yield opened


async def test_all_is_well(store: Store, client: httpx.AsyncClient) -> None:
    client.headers.update(bearer(await issue(store)))
    read = words(await shown(client, "/health"))
    assert "Everything works." in read
    assert "works here no outage is known none is known nothing waits" in read
    assert "Send a test" not in read


async def test_what_does_not_work_says_why_since_when_and_what_waits(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await store.add_build("1")
    for state, change in (
        (BuildState.TRIGGERING, {"triggered_at": store.clock()}),
        (BuildState.QUEUED, {"handle": "7"}),
    ):
        await store.builds.transition(build.run_id, state, quiet, **change)
    await store.add_build("2")
    await add_notice(store, "n", ended=NoticeState.SENT)
    await add_notice(store, "waits")
    await store.health.degrade("builder:here", HOSTILE, pause=600)
    await store.health.degrade("channel:team", "no answer")
    store.clock.advance(60)
    await store.health.restore("channel:team", "it takes notices again")
    await store.health.degrade("rules", "rules/shop.yaml has faults")
    client.headers.update(bearer(await issue(store)))
    page = await shown(client, "/health")
    read = words(page)
    assert "2 parts do not work." in read
    assert "Rules and configuration" in read
    assert "<script>alert" not in page
    builder = next(one for one in page.split("<tr") if "down since" in one and "here" in one)
    row = words(f"<tr{builder}")
    assert "paused until" in row
    assert "1 waits the oldest since" in row
    assert "1 build is with it" in row
    channel = words("<tr" + next(one for one in page.split("<tr") if ">team<" in one))
    assert "Last error at" in channel
    assert "no answer" in channel
    assert "works since" in channel
    assert "none is known" not in channel
    client.headers["accept-language"] = "zh-CN"
    read = words(await shown(client, "/health"))
    assert "没有应答" in read
    assert "no answer" not in read


async def test_a_channel_that_came_back_and_has_never_delivered_is_not_said_to_work(
    store: Store, client: httpx.AsyncClient
) -> None:
    await store.health.degrade("channel:team", "no answer")
    await store.health.restore("channel:team", "its settings have changed")
    client.headers.update(bearer(await issue(store)))
    assert "not proven yet team Last error at" in words(await shown(client, "/health"))
    await add_notice(store, "n", ended=NoticeState.SENT)
    assert "works team Last error at" in words(await shown(client, "/health"))


async def test_who_reads_some_namespaces_sees_builders_and_channels_only(
    store: Store, client: httpx.AsyncClient
) -> None:
    await store.health.degrade("rules", "a secret place")
    await store.add_build("1")
    client.headers.update(bearer(await issue(store, Role.ADMIN, "acme")))
    read = words(await shown(client, "/health"))
    assert "here" in read
    assert "a secret place" not in read
    assert "waits" not in read
    assert "Version" not in read
    assert "Reload" not in read
    client.headers.pop("authorization")
    assert (await client.get("/health")).headers["location"] == "/sign-in?next=%2Fhealth"


async def test_an_admin_tests_a_part_after_a_look_at_what_happens_once(
    store: Store, client: httpx.AsyncClient
) -> None:
    client.headers.update(bearer(await issue(store, Role.ADMIN)))
    assert "/health/test?part=channel%3Ateam" in await shown(client, "/health")
    page = await shown(client, "/health/test?part=channel:team")
    assert "One real notice is sent" in words(page)
    form = {"once": once_of(page), "part": "channel:team"}
    (where,) = {(await client.post("/health/test", data=form)).headers["location"] for _ in range(2)}
    read = words(await shown(client, where))
    assert "Test team works" in read
    (entry,) = (await store.audit.page(Cursor(), 9)).rows
    assert (entry.action, entry.subject, entry.after) == ("part.tested", "channel:team", {"worked": True})
    await shown(client, "/health/answers/unknown", 404)
    await shown(client, "/health/test?part=channel:none", 404)
    await shown(client, "/health/test?part=source:here", 404)
    assert (await client.post("/health/test", data=form | {"once": "x", "part": "rules"})).status_code == 404
    client.headers.update(bearer(await issue(store, Role.MEMBER)))
    for path in (where, "/health/test?part=channel:team"):
        await shown(client, path, 403)
    assert (await client.post("/health/test", data=form | {"once": "y"})).status_code == 403
    assert (await client.post("/health/reload", data=form | {"once": "z"})).status_code == 403


@pytest.mark.parametrize(
    ("part", "said", "english", "chinese"),
    [
        ("channel:team", "ok: team took a test notice", "team took a test notice", "team 已收下测试通知"),
        ("channel:team", "dead: the server answered HTTP 400", "the server answered", "服务器返回 HTTP 400"),
        ("builder:here", "here: no answer within 60 s", "no answer within 60 s", "60 秒内没有应答"),
        ("builder:here", f"ok: {HOSTILE}", "alert", "alert"),
    ],
)
async def test_what_a_test_has_shown_is_said_in_the_language_of_the_reader(
    store: Store, part: str, said: str, english: str, chinese: str
) -> None:
    async def tested(_part: str) -> tuple[bool, str]:
        return said.startswith("ok"), said

    keeper = await keeper_of(store, store.path.parent)
    async with client_of(api_of(store, keeper=keeper, test=tested)) as client:
        client.headers.update(bearer(await issue(store, Role.ADMIN)))
        answer = await client.post("/health/test", data={"once": "once", "part": part})
        for language, expected in (("en", english), ("zh-CN", chinese)):
            client.headers["accept-language"] = language
            page = await shown(client, answer.headers["location"])
            assert expected in words(page)
            assert "<script>alert" not in page
            assert said not in words(page)


async def test_answers_are_kept_for_a_while_only(
    store: Store, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "MAX_KEPT", 2)
    client.headers.update(bearer(await issue(store, Role.ADMIN)))
    places = []
    for number in range(3):
        form = {"once": f"once-{number}", "part": "builder:here"}
        places.append((await client.post("/health/test", data=form)).headers["location"])
    assert [(await client.get(place)).status_code for place in places] == [404, 200, 200]


async def test_a_reload_says_what_changed_or_which_faults_there_are(store: Store, tmp_path: Path) -> None:
    faults = [Fault(f"rules/{HOSTILE}.yaml:3:1", "", "there is no builder x: there are here")]

    async def fails() -> Reloaded:
        raise ConfigError(faults)

    async with client_of(api_of(store, keeper=NoRules(fails))) as client:
        client.headers.update(bearer(await issue(store, Role.ADMIN)) | {"accept-language": "en"})
        form = {"once": once_of(await shown(client, "/health"))}
        where = (await client.post("/health/reload", data=form)).headers["location"]
        page = await shown(client, where)
        assert "1 fault: what was good stays in force." in words(page)
        assert "there is no builder x" in words(page)
        assert "<script>alert" not in page
        client.headers["accept-language"] = "zh-CN"
        assert "没有构建器 x" in words(await shown(client, where))
    async with client_of(api_of(store, keeper=NoRules())) as client:
        client.headers.update(bearer(await issue(store, Role.ADMIN)) | {"accept-language": "en"})
        answer = await client.post("/health/reload", data={"once": "again"})
        assert "What is on disk is in force." in words(await shown(client, answer.headers["location"]))
        trail = (await client.get("/v1/audit")).json()["data"]["results"]
        assert [one["action"] for one in trail] == ["rules.reloaded"] * 2
        assert trail[1]["after"] == {"faults": 1}
