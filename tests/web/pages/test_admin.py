# ruff: noqa: RUF001  # as Chinese keyboards write
"""The pages of admins: tokens that are shown once, sessions of all, and the audit trail."""

import re
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs
from support.answers import good
from support.api import api_of, bearer, client_of, issue
from support.scripted import Store
from support.signing_in import SAME, signed_in
from support.trail import noted

from bridge.model.access import Principal, Role
from bridge.model.audit import Action
from bridge.store.values import Cursor
from bridge.web.api.pages import PAGE_SIZE
from bridge.web.pages.audit import Difference, changes
from bridge.web.pages.i18n import LANGUAGES, TEXTS

EN = {"accept-language": "en"}
ANN = Principal(name="ann", role=Role.ADMIN)


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api_of(store)) as opened:
        opened.headers.update(EN)
        yield opened


@pytest.fixture
async def admin(store: Store) -> dict[str, str]:
    return await signed_in(store, await issue(store, Role.ADMIN)) | SAME


async def once(client: httpx.AsyncClient, admin: dict[str, str]) -> str:
    page = (await client.get("/admin/tokens", headers=admin)).text
    found = re.search(r'name="once" value="([^"]+)"', page)
    assert found is not None
    return found[1]


async def made(client: httpx.AsyncClient, admin: dict[str, str], **form: str) -> httpx.Response:
    given = {
        "once": await once(client, admin),
        "name": "ci",
        "role": "viewer",
        "lifetime": "90",
        "kind": "token",
    } | form
    return await client.post("/admin/tokens", data=given, headers=admin)


@pytest.mark.parametrize("wrong", [{"lifetime": "99999"}, {"lifetime": ""}, {"kind": "key"}])
async def test_a_form_that_says_no_lifetime_makes_no_token_for_ever(
    client: httpx.AsyncClient, admin: dict[str, str], wrong: dict[str, str]
) -> None:
    assert (await made(client, admin, **wrong)).status_code == 400
    listed = good(await client.get("/v1/tokens", headers=admin))
    assert [one["name"] for one in listed if one["name"] == "ci"] == []
    assert (await made(client, admin, lifetime="never")).status_code == 200


@pytest.mark.parametrize("path", ["/admin/tokens", "/admin/sessions", "/admin/audit", "/admin/tokens/x"])
async def test_these_pages_are_for_admins(store: Store, client: httpx.AsyncClient, path: str) -> None:
    for token in (await issue(store, Role.MEMBER), await issue(store, Role.ADMIN, "acme")):
        assert (await client.get(path, headers=bearer(token))).status_code == 403
    assert (await client.get(path)).headers["location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("path", ["/admin/tokens", "/admin/tokens/x/revoke", "/admin/sessions/x/end"])
async def test_what_they_do_is_for_admins(store: Store, client: httpx.AsyncClient, path: str) -> None:
    headers = bearer(await issue(store, Role.MEMBER))
    form = {"once": "x", "name": "ci", "role": "admin"}
    assert (await client.post(path, data=form, headers=headers)).status_code == 403
    assert [one.name for one in await store.tokens.newest(9)] == ["the member"]


async def test_a_token_is_shown_once_works_and_is_kept_nowhere(
    store: Store, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    with capture_logs() as logs:
        answer = await made(client, admin, namespaces="acme, globex")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    found = re.search(r'<code id="secret">([^<]+)</code>', answer.text)
    assert found is not None
    (shown,) = [one for one in await store.tokens.newest(9) if one.name == "ci"]
    assert (shown.role, shown.namespaces) == (Role.VIEWER, frozenset({"acme", "globex"}))
    assert shown.expires_at == store.clock() + 90 * 86400
    good(await client.get("/v1/deliveries", headers={"authorization": f"Bearer {found[1]}"}))
    content = b"".join(file.read_bytes() for file in store.path.parent.iterdir() if file.is_file())
    assert found[1].rpartition(".")[2].encode() not in content
    assert found[1] not in str(logs)
    entry = (await store.audit.page(Cursor(), 1)).rows[0]
    assert (entry.action, entry.name, entry.origin, entry.subject) == (
        "token.added",
        "the admin",
        "192.0.2.7",
        shown.id,
    )
    for path in ("/admin/tokens", f"/admin/tokens/{shown.id}", "/admin/audit"):
        assert found[1] not in (await client.get(path, headers=admin)).text


async def test_the_same_form_makes_one_token(
    store: Store, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    key = await once(client, admin)
    assert (await made(client, admin, once=key)).status_code == 200
    again = await made(client, admin, once=key)
    assert again.status_code == 409
    assert "was made before, and shown then" in again.text
    assert len([one for one in await store.tokens.newest(9) if one.name == "ci"]) == 1


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"name": ""}, "has 1 to 64 letters"),
        ({"name": "x" * 65}, "has 1 to 64 letters"),
        ({"name": "a\u202eb"}, "has 1 to 64 letters"),
        ({"role": "admin", "namespaces": "acme"}, "an admin may do everything everywhere"),
        ({"namespaces": " ".join("a" * 101)}, "are at most 100 names"),
        ({"namespaces": "acme/shop"}, "acme/shop is no namespace"),
        ({"role": "root"}, "The form is incomplete"),
        ({"once": ""}, "the form is incomplete"),
    ],
)
async def test_what_makes_no_token_is_said_beside_what_was_given(
    store: Store, client: httpx.AsyncClient, admin: dict[str, str], form: dict[str, str], why: str
) -> None:
    answer = await made(client, admin, **{"name": "<i>kept</i>"} | form)
    assert answer.status_code == 400
    assert why in answer.text
    if "name" not in form:
        assert 'value="&lt;i&gt;kept&lt;/i&gt;"' in answer.text
    assert len(await store.tokens.newest(9)) == 1


async def test_namespaces_are_separated_as_they_are_typed_and_unknown_ones_are_named(
    client: httpx.AsyncClient, admin: dict[str, str], store: Store
) -> None:
    answer = await made(client, admin, namespaces="acme，ops、c, d")
    (shown,) = [one for one in await store.tokens.newest(9) if one.name == "ci"]
    assert shown.namespaces == frozenset({"acme", "ops", "c", "d"})
    (hint,) = re.findall("No repository is in:(.*?)</p>", answer.text, flags=re.DOTALL)
    assert ">ops<" in hint
    assert "No repository is in" not in (await made(client, admin)).text


async def test_an_access_key_is_made_with_its_secret_key(
    client: httpx.AsyncClient, admin: dict[str, str], store: Store
) -> None:
    answer = await made(client, admin, kind="access_key", lifetime="never")
    (shown,) = [one for one in await store.tokens.newest(9) if one.name == "ci"]
    assert shown.expires_at is None
    assert f"<code>{shown.access_key}</code>" in answer.text
    assert re.search(r'<code id="secret">[0-9a-f]{64}</code>', answer.text)


async def test_a_token_is_revoked_on_a_page_of_its_own(
    store: Store, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    token = await issue(store)
    browser = await signed_in(store, token)
    shown = await client.get(f"/admin/tokens/{token.id}", headers=admin)
    assert "It cannot be undone." in shown.text
    answer = await client.post(f"/admin/tokens/{token.id}/revoke", data={}, headers=admin)
    assert answer.headers["location"] == "/admin/tokens?done=revoked"
    page = (await client.get("/admin/tokens?done=revoked", headers=admin)).text
    assert "The token is revoked." in page
    assert "revoked</span>" in page
    assert (await client.get("/account", headers=browser)).status_code == 303
    again = await client.post(f"/admin/tokens/{token.id}/revoke", data={}, headers=admin)
    assert again.status_code == 409
    assert "/revoke" not in (await client.get(f"/admin/tokens/{token.id}", headers=admin)).text
    foreign = {"sec-fetch-site": "cross-site"}
    other = await issue(store)
    assert (
        await client.post(f"/admin/tokens/{other.id}/revoke", data={}, headers=admin | foreign)
    ).status_code == 403


async def test_an_admin_ends_the_session_of_anyone(
    store: Store, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    browser = await signed_in(store, await issue(store))
    (session,) = [one for one in await store.sessions.newest(9) if one.name == "the viewer"]
    assert session.id in (await client.get("/admin/sessions", headers=admin)).text
    answer = await client.post(f"/admin/sessions/{session.id}/end", data={}, headers=admin)
    assert answer.headers["location"] == "/admin/sessions?done=ended"
    assert (await client.get("/account", headers=browser)).status_code == 303


HOSTILE = "<script>alert(1)</script>\u202e{{ 7 * 7 }}" + "x" * 10_000


async def test_the_trail_says_who_did_what_from_where_and_what_was_before(
    store: Store, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    change = {"before": {"state": "waiting", "tags": ["a"]}, "after": {"state": "cancelled", "tags": ["a"]}}
    await noted(store, ANN, Action.BUILD_CANCELLED, "a-build", origin="192.0.2.9", **change)
    page = (await client.get("/admin/audit", headers=admin)).text
    row = re.sub(r"<[^>]+>", "", page.partition("<tbody>")[2].partition("</tr>")[0])
    assert " ".join(row.split()).endswith(
        "ann from 192.0.2.9 cancelled a build a-build state waiting → cancelled"
    )
    assert 'href="/builds/a-build"' in page
    chinese = (await client.get("/admin/audit", headers=admin | {"accept-language": "zh-CN"})).text
    assert "取消构建" in chinese


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        (
            "en",
            [
                "tested a builder or a channel channel team the test says: does not work",
                "made a token ci name ci role viewer valid until 2024-02-12 22:13:20",
                "built again acme/shop #1 state (was: failed) run 2",
                "cancelled a build acme/shop #1 state (was: waiting)",
            ],
        ),
        (
            "zh-CN",
            [
                "测试构建器或通知渠道 渠道 team 测试结果 不正常",
                "生成令牌 ci 名称 ci 角色 查看者 有效期至 2024-02-12 22:13:20",
                "重新构建 acme/shop #1 状态 （之前：失败） 运行序号 2",
                "取消构建 acme/shop #1 状态 （之前：等待中）",
            ],
        ),
    ],
)
async def test_the_trail_is_in_the_words_of_its_readers(
    store: Store,
    client: httpx.AsyncClient,
    admin: dict[str, str],
    language: str,
    expected: list[str],
) -> None:
    build = await store.add_build("1")
    add = partial(noted, store, ANN)
    await add(Action.BUILD_CANCELLED, build.id, before={"build": "acme/shop #1", "state": "waiting"})
    await add(Action.BUILD_RETRIED, build.id, before={"state": "failed"}, after={"run": 2})
    await made(client, admin)
    await add(Action.PART_TESTED, "channel:team", after={"worked": False})
    page = (await client.get("/admin/audit", headers=admin | {"accept-language": language})).text
    assert f'href="/builds/{build.id}"' in page
    rows = page.partition("<tbody>")[2].partition("</tbody>")[0].split("</tr>")
    read = [" ".join(re.sub(r"<[^>]+>", "", row.replace("</li>", " ")).split()) for row in rows]
    for row, ending in zip(read, expected, strict=False):
        assert row.endswith(ending)


async def test_hostile_texts_in_the_trail_are_shown_and_not_obeyed(
    store: Store, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    who = Principal(name=HOSTILE, role=Role.ADMIN)
    change = {"before": {HOSTILE: HOSTILE}, "after": {"list": [HOSTILE, {"deep": {"er": {"er": {"er": 1}}}}]}}
    await noted(store, who, Action.BUILD_CANCELLED, f'"><img src=x>{HOSTILE}', origin=HOSTILE, **change)
    page = (await client.get("/admin/audit", headers=admin)).text
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7 * 7 }}" in page
    assert len(page) < 30_000


async def test_the_trail_is_filtered_by_who_and_what(
    store: Store, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    bob = Principal(name="bob & co", role=Role.ADMIN)
    for number, (who, action) in enumerate(
        [(ANN, Action.BUILD_CANCELLED), (bob, Action.BUILD_CANCELLED), (bob, Action.BUILD_RETRIED)]
    ):
        await noted(store, who, action, f"b-{number}", origin="cli")

    async def shown(**query: str) -> list[str]:
        page = (await client.get("/admin/audit", params=query, headers=admin)).text
        answer = await client.get("/v1/audit", params=query, headers=admin)
        found = re.findall(r'href="/builds/(b-\d)"', page)
        assert [one["subject"] for one in good(answer)["results"]] == found
        return found

    assert await shown(name="bob & co") == ["b-2", "b-1"]
    assert await shown(action="build.cancelled") == ["b-1", "b-0"]
    assert await shown(name="bob & co", action="build.cancelled") == ["b-1"]
    assert await shown(name="no one") == []
    assert (await client.get("/admin/audit?action=none", headers=admin)).status_code == 400
    page = (await client.get("/admin/audit?name=bob+%26+co", headers=admin)).text
    assert 'value="bob &amp; co"' in page


async def test_the_pages_of_the_trail_stand_still(
    store: Store, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    for number in range(25):
        await noted(store, ANN, Action.BUILD_CANCELLED, f"b-{number}", origin="cli")
    page = (await client.get("/admin/audit", headers=admin)).text
    older = re.search(r'href="([^"]+)" rel="next"', page)
    assert older is not None
    await noted(store, ANN, Action.BUILD_CANCELLED, "meanwhile", origin="cli")
    second = (await client.get(older[1].replace("&amp;", "&"), headers=admin)).text
    shown = re.findall(r'href="/builds/(b-\d+)"', page + second)
    assert shown == [f"b-{number}" for number in reversed(range(25))]


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("/admin/tokens", r'<a href="/admin/tokens/([^"]+)"'),
        ("/admin/sessions", r'action="/admin/sessions/([^"]+)/end"'),
    ],
)
async def test_tokens_and_sessions_are_shown_page_by_page(
    store: Store, client: httpx.AsyncClient, admin: dict[str, str], path: str, row: str
) -> None:
    for _ in range(PAGE_SIZE):
        store.clock.advance(1)
        await signed_in(store, await issue(store))
    first = (await client.get(path, headers=admin)).text
    older = re.search(r'href="([^"]+)" rel="next"', first)
    assert older is not None
    second = (await client.get(older[1].replace("&amp;", "&"), headers=admin)).text
    port = store.tokens if path == "/admin/tokens" else store.sessions
    shown = re.findall(row, first + second)
    assert shown == [one.id for one in await port.newest(PAGE_SIZE + 1)]
    assert 'rel="next"' not in second


async def test_a_word_of_a_later_release_is_shown_as_it_is(
    store: Store, client: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    await noted(store, ANN, "moon.landed", "x", origin="cli")  # type: ignore[arg-type]
    assert "moon.landed" in (await client.get("/admin/audit", headers=admin)).text


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_action_has_words(action: Action, language: Any) -> None:
    assert f"audit.action_{action.replace('.', '_')}" in TEXTS[language]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, []),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": 2}, {"a": 1, "b": 3}, [Difference("b", "2", "3")]),
        (None, {"a": "x", "b": ["y", "z"]}, [Difference("a", None, "x"), Difference("b", None, "y, z")]),
        ({"a": "x"}, None, [Difference("a", "x", None)]),
        ({"a": {"b": True}}, {"a": {"b": False}}, [Difference("a.b", "true", "false")]),
        ({"a": {"b": 1}}, {"a": 2}, [Difference("a", '{"b":1}', "2")]),
        ("x", "y", [Difference("", "x", "y")]),
        ({"a": None}, {"a": 1}, [Difference("a", None, "1")]),
        (None, {"a": None}, []),
        (None, {"a": [], "b": {}, "c": "", "d": 0}, [Difference("d", None, "0")]),
        ({"a": {"b": {"c": {"d": {"e": 1}}}}}, None, [Difference("a.b.c.d", '{"e":1}', None)]),
    ],
)
def test_what_differs_between_two_values_is_named(
    before: Any, after: Any, expected: list[Difference]
) -> None:
    assert list(changes(before, after)) == expected
