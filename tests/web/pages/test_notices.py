"""The pages of notices and messages: why no one heard, what is done about it, and who may."""

import re
from collections.abc import AsyncIterator
from typing import Any, Final

import httpx
import pytest
from sqlalchemy import update
from support.api import api_of, bearer, client_of, issue
from support.keeping import keeper_of
from support.listed import add_notice, notice_about
from support.scripted import Store
from support.shown import once_of, shown, words
from support.trail import change_by

from bridge.model.access import Role
from bridge.model.notice import EventName, NoticeState
from bridge.model.silence import Silence
from bridge.services.channel_test import notice_of_test
from bridge.store.schema import notice as table

HOSTILE: Final = "<script>alert(1)</script>\"'{{ 7*7 }}\u202e"


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    keeper = await keeper_of(store, store.path.parent)
    async with client_of(api_of(store, keeper=keeper)) as opened:
        opened.headers["accept-language"] = "en"
        yield opened


@pytest.mark.parametrize("count", ["9" * 5000, "x", "-1"])
async def test_a_count_that_no_page_of_ours_writes_is_left_out(
    store: Store, client: httpx.AsyncClient, count: str
) -> None:
    client.headers.update(bearer(await issue(store)))
    assert "0 sent once more" not in (page := await shown(client, f"/notices?done=replayed&count={count}"))
    assert f"{count} sent once more" not in page


async def states(store: Store, *names: str) -> list[str]:
    rows = [await store.notices.get(name) for name in names]
    return [row[0].state for row in rows if row is not None]


async def trail(store: Store, client: httpx.AsyncClient) -> list[tuple[str, str]]:
    admin = bearer(await issue(store, Role.ADMIN))
    found = (await client.get("/v1/audit", headers=admin)).json()["data"]["results"]
    return [(one["action"], one["subject"]) for one in found]


async def test_a_notice_says_why_no_one_heard_and_what_to_do(store: Store, client: httpx.AsyncClient) -> None:
    await add_notice(store, "n", await store.add_build("1", namespace="acme"))
    await store.notices.end("n", NoticeState.DEAD, "the server answered HTTP 400", reason="content")
    client.headers.update(bearer(await issue(store, Role.VIEWER, "acme")))
    read = words(await shown(client, "/notices/n"))
    assert "not sent Build failed acme/shop #128 main" in read
    assert "the server answered HTTP 400" in read
    assert "The other side does not take this notice, whatever the settings are." in read
    assert "given up the server answered HTTP 400" in read, "the timeline does not repeat the reason"
    assert "Send once more" not in read, "a viewer sends nothing"
    client.headers["accept-language"] = "zh-CN"
    read = words(await shown(client, "/notices/n"))
    assert "服务器返回 HTTP 400" in read
    assert "已放弃 服务器返回 HTTP 400" in read
    assert "the server" not in read


async def test_a_notice_that_waits_says_for_what(store: Store, client: httpx.AsyncClient) -> None:
    await add_notice(store, "n", await store.add_build("1", namespace="acme"))
    await store.health.degrade("channel:team", "no answer", pause=600)
    client.headers.update(bearer(await issue(store)))
    for path in ("/notices", "/notices/n"):
        assert "team down since" in words(await shown(client, path))
    assert "Next attempt It waits until the channel works." in words(await shown(client, "/notices/n"))
    client.headers["accept-language"] = "zh-CN"
    for path in ("/notices", "/notices/n"):
        assert "没有应答" in words(await shown(client, path))


async def test_a_member_replays_a_notice_once_and_drops_the_new_one(
    store: Store, client: httpx.AsyncClient
) -> None:
    await add_notice(store, "n", await store.add_build("1", namespace="acme"), ended=NoticeState.DEAD)
    client.headers.update(bearer(await issue(store, Role.MEMBER, "acme")))
    form = {"once": once_of(await shown(client, "/notices/n"))}
    answers = [await client.post("/notices/n/replay", data=form) for _ in range(2)]
    (where,) = {answer.headers["location"] for answer in answers}
    assert "It is sent once more: this is the new notice." in words(await shown(client, where))
    new = where.partition("?")[0]
    dropped = await client.post(f"{new}/drop", data=form)
    assert dropped.headers["location"] == f"{new}?done=dropped"
    read = words(await shown(client, f"{new}?done=dropped"))
    assert "It is dropped, and no one gets it." in read
    assert "dropped by the member" in read
    assert (await client.post(f"{new}/drop", data=form)).status_code == 409
    name = new.removeprefix("/notices/")
    assert await trail(store, client) == [("notice.dropped", name), ("notice.replayed", "n")]


async def test_several_are_counted_before_they_are_sent_once_more(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await store.add_build("1", namespace="acme")
    for name in ("a", "b"):
        await add_notice(store, name, build, ended=NoticeState.DEAD)
    await add_notice(store, "waits", build)
    client.headers.update(bearer(await issue(store, Role.MEMBER, "acme")))
    listed = await shown(client, "/notices")
    assert sorted(re.findall(r'name="id" value="([^"]+)"', listed)) == ["a", "b", "waits"]
    page = await shown(client, "/notices/chosen?id=a&id=b&id=waits&id=a&do=replay")
    read = words(page)
    assert "Send 2 notices once more?" in read
    assert "1 more cannot be, and is left as it is." in read
    assert await states(store, "a", "b", "waits") == ["dead", "dead", "pending"], "nothing was done yet"
    form = {"once": once_of(page), "do": "replay", "id": re.findall(r'name="id" value="([^"]+)"', page)}
    answers = [await client.post("/notices/chosen", data=form) for _ in range(2)]
    (where,) = {answer.headers["location"] for answer in answers}
    assert where == "/notices?done=replayed&count=2&failed=0"
    assert "2 sent once more." in words(await shown(client, where))
    assert len((await client.get("/v1/notices?state=pending")).json()["data"]["results"]) == 3
    assert [action for action, _ in await trail(store, client)] == ["notice.replayed"] * 2


class _KilledError(BaseException):
    """The end of the process."""


async def test_several_are_sent_once_also_where_the_daemon_was_killed_on_the_way(
    store: Store, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*_: object) -> None:
        raise _KilledError

    for name in ("a", "b"):
        await add_notice(store, name, ended=NoticeState.DEAD)
    client.headers.update(bearer(await issue(store, Role.MEMBER)))
    form = {"once": "once", "do": "replay", "id": ["a", "b"]}
    with monkeypatch.context() as patch:
        patch.setattr(store.idempotency_keys, "answer", killed)
        with pytest.raises(_KilledError):
            await client.post("/notices/chosen", data=form)
    assert (await client.post("/notices/chosen", data=form)).status_code == 303
    assert len((await client.get("/v1/notices?state=pending")).json()["data"]["results"]) == 2


async def test_one_that_cannot_be_dropped_any_more_keeps_no_other_from_it(
    store: Store, client: httpx.AsyncClient
) -> None:
    build = await store.add_build("1", namespace="acme")
    for name in ("a", "b"):
        await add_notice(store, name, build)
    client.headers.update(bearer(await issue(store, Role.MEMBER, "acme")))
    page = await shown(client, "/notices/chosen?id=a&id=b&do=drop")
    assert "Drop 2 notices?" in words(page)
    await store.notices.end("a", NoticeState.SENT, "")
    form = {"once": once_of(page), "do": "drop", "id": ["a", "b"]}
    done = await client.post("/notices/chosen", data=form)
    assert done.headers["location"] == "/notices?done=dropped&count=1&failed=1"
    assert await states(store, "a", "b") == ["sent", "dead"]
    read = words(await shown(client, done.headers["location"]))
    assert "1 dropped. With 1 it was not possible any more." in read


async def test_what_is_chosen_is_what_one_page_has(store: Store, client: httpx.AsyncClient) -> None:
    await add_notice(store, "n", await store.add_build("1", namespace="acme"))
    client.headers.update(bearer(await issue(store, Role.MEMBER, "acme")))
    many = "&".join(f"id=n{number}" for number in range(21))
    for path, status in (
        ("/notices/chosen?do=replay", 400),
        (f"/notices/chosen?do=replay&{many}", 400),
        ("/notices/chosen?do=burn&id=n", 400),
        ("/notices/chosen?do=drop&id=none", 404),
    ):
        await shown(client, path, status)
    for headers in {"referer": "http://b.example/notices"}, {}:
        answer = await client.get("/notices/chosen?do=replay", headers=headers)
        assert answer.status_code == 400
        assert "choose notices in the list first" in words(answer.text)
        assert "id:" not in words(answer.text)
        assert '<form method="get" action="/notices/chosen">' in answer.text, "the list is there again"
    assert "None of the chosen can be sent once more" in words(
        await shown(client, "/notices/chosen?do=replay&id=n")
    )


async def test_who_may_only_look_changes_nothing(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build("1", namespace="acme")
    await add_notice(store, "dead", build, ended=NoticeState.DEAD)
    await add_notice(store, "waits", build)
    await add_notice(store, "of the bridge")
    await store.silences.add(silence(store), change_by())
    for caller, status in (
        (bearer(await issue(store, Role.VIEWER, "acme")), 403),
        (bearer(await issue(store, Role.ADMIN, "globex")), 404),
        ({}, 303),
    ):
        client.headers.pop("authorization", None)
        client.headers.update(caller)
        for path in ("/notices/dead/replay", "/notices/waits/drop", "/silences/s/end"):
            answer = await client.post(path, data={"once": "once"})
            assert answer.status_code == status, path
            assert answer.headers.get("location", "").startswith("/sign-in" if status == 303 else "")
    assert await states(store, "dead", "waits") == ["dead", "pending"]
    client.headers.update(bearer(await issue(store, Role.VIEWER, "acme")))
    page = await shown(client, "/notices")
    assert 'type="checkbox"' not in page
    assert "of the bridge" not in page
    assert "None of the chosen" in words(await shown(client, "/notices/chosen?id=dead&do=replay"))
    assert "End it now" not in page


def silence(store: Store, **changes: Any) -> Silence:
    now = store.clock()
    given = {"repository": "acme/*", "reason": HOSTILE, "author": "li", **changes}
    return Silence(id="s", created_at=now, until=now + 3600, **given)


async def test_a_silence_in_force_stands_above_the_list_and_is_ended_there(
    store: Store, client: httpx.AsyncClient
) -> None:
    await store.silences.add(silence(store), change_by())
    client.headers.update(bearer(await issue(store, Role.MEMBER, "acme")))
    page = await shown(client, "/notices")
    assert "repository acme/*" in words(page)
    assert "<script>alert" not in page
    answer = await client.post("/silences/s/end", data={"page": "/notices"})
    assert answer.headers["location"] == "/notices?done=silence_ended"
    read = words(await shown(client, "/notices?done=silence_ended"))
    assert "The silence is ended." in read
    assert "Silences in force" not in read


async def test_admins_see_what_a_channel_would_send_now(store: Store, client: httpx.AsyncClient) -> None:
    await add_notice(store, "n", await store.add_build("1", namespace="acme"))
    for role, expected in ((Role.MEMBER, False), (Role.ADMIN, True)):
        client.headers.update(bearer(await issue(store, role)))
        assert ("What the channel would send now" in words(await shown(client, "/notices/n"))) is expected


async def test_notices_are_filtered_in_the_address_and_paged(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build("1", namespace="acme")
    for number in range(23):
        await add_notice(store, f"n{number:02}", build, ended=NoticeState.DEAD)
    await add_notice(store, "other", build, channel="mail")
    client.headers.update(bearer(await issue(store)))
    page = await shown(client, "/notices?state=dead&channel=team&namespace=&repo_name=")
    ids = re.findall(r'<tr id="notice-([^"]+)"', page)
    assert len(ids) == 20
    older = re.findall(r'href="([^"]+)" rel="next"', page)[0].replace("&amp;", "&")
    ids += re.findall(r'<tr id="notice-([^"]+)"', await shown(client, older))
    assert ids == [f"n{number:02}" for number in reversed(range(23))]


async def test_a_test_of_a_channel_looks_like_one(store: Store, client: httpx.AsyncClient) -> None:
    await store.messages.add_message(notice_of_test("message", store.clock()))
    client.headers.update(bearer(await issue(store)))
    for language, test, recovered in (
        ("en", "Test message Channel message", "Recovered"),
        ("zh-CN", "测试消息 通知渠道 message", "恢复"),
    ):
        client.headers["accept-language"] = language
        page = await shown(client, "/messages")
        row = words(page.partition("<tbody>")[2].partition("</tbody>")[0])
        assert test in row
        assert recovered not in row


async def test_messages_are_listed_by_event(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build("1", namespace="acme")
    await store.messages.add_message(notice_about("n", build, store.clock()))
    client.headers.update(bearer(await issue(store)))
    read = words(await shown(client, "/messages"))
    assert "1 message in the app." in read
    assert "Build failed acme/shop #128 main" in read
    assert "No message is like that." in words(await shown(client, f"/messages?event={EventName.FIXED}"))
    await shown(client, "/messages?event=nothing", 400)


async def test_without_sign_in_there_are_no_notices(client: httpx.AsyncClient) -> None:
    for path in ("/notices", "/notices/n", "/messages", "/notices/chosen?do=drop&id=n"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_what_robots_answer_is_shown_and_never_obeyed(
    store: Store, client: httpx.AsyncClient, language: str
) -> None:
    await add_notice(store, "n", await store.add_build("1", namespace="acme"))
    await store.database.write(
        lambda connection: connection.execute(
            update(table).where(table.c.id == "n").values(moved_from=HOSTILE, recipient=HOSTILE)
        )
    )
    await store.notices.end("n", NoticeState.DEAD, HOSTILE + "x" * 9_000, reason="content")
    client.headers.update(bearer(await issue(store, Role.ADMIN)) | {"accept-language": language})
    for path in ("/notices", "/notices/n?done=<script>", f"/notices?channel={HOSTILE}&count=<b>"):
        page = await shown(client, path)
        assert "<script>alert" not in page
        assert len(page) < 60_000
