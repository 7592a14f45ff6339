"""Signing in and out by the pages, and what an attacker tries with them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from structlog.testing import capture_logs
from support.api import KEY, api_of, bearer, client_of, issue
from support.scripted import START, Store
from support.signing_in import SAME, signed_in
from support.trail import change_by

from bridge.config.sign_in import SignInSettings
from bridge.model.access import Role
from bridge.store.values import Cursor
from bridge.web.api.core.sessions import session_id_of
from bridge.web.api.credentials import Credentials
from bridge.web.limits import ATTEMPT_RATE

STATIC = "a-static-token-of-the-tests"
URL = "https://bridge.example.com"
EN = {"accept-language": "en"}


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api_of(store, tokens=[STATIC])) as opened:
        opened.headers.update(EN)
        yield opened


async def signing_in(
    client: httpx.AsyncClient, token: str, wanted: str = "/account", headers: dict[str, str] = SAME
) -> httpx.Response:
    return await client.post("/sign-in", data={"token": token, "next": wanted}, headers=headers)


async def token_of(store: Store, role: Role = Role.VIEWER, *namespaces: str) -> str:
    return Credentials([KEY]).token(await issue(store, role, *namespaces))


def is_signed_in(answer: httpx.Response) -> bool:
    assert answer.status_code in {200, 303}
    return answer.status_code == 200


@pytest.mark.parametrize("kind", ["issued", "static", "broken into lines", "with its header"])
async def test_a_token_signs_a_browser_in_which_then_reads_pages_and_the_api(
    store: Store, client: httpx.AsyncClient, kind: str
) -> None:
    token = STATIC if kind == "static" else await token_of(store)
    pasted = {
        "broken into lines": f"  {token[:20]}\r\n{token[20:]}\n",
        "with its header": f"Authorization: Bearer {token}",
    }.get(kind, token)
    assert not is_signed_in(await client.get("/account"))
    answer = await signing_in(client, pasted)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert answer.headers["cache-control"] == "no-store"
    page = await client.get("/account")
    assert is_signed_in(page)
    assert ("api.tokens" if kind == "static" else "the viewer") in page.text
    assert (await client.get("/v1/deliveries")).status_code == 200


@pytest.mark.parametrize("https", [True, False])
async def test_the_cookie_is_for_this_host_and_no_script(store: Store, *, https: bool) -> None:
    async with client_of(api_of(store, public_url=URL if https else None)) as client:
        answer = await signing_in(client, await token_of(store))
    name, _, rest = answer.headers["set-cookie"].partition("=")
    secret, *attributes = rest.split("; ")
    assert name == ("__Host-buildbridge" if https else "buildbridge")
    assert len(secret) == 43
    expected = {"httponly", "max-age=2592000", "path=/", "samesite=lax"} | ({"secure"} if https else set())
    assert {one.lower() for one in attributes} == expected


async def test_a_wrong_token_is_said_to_be_wrong_and_neither_kept_nor_logged(
    store: Store, client: httpx.AsyncClient
) -> None:
    with capture_logs() as logs:
        answer = await signing_in(client, "canary-of-a-wrong-token", "/builds/x?run=2")
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert "You are not signed in:" in answer.text
    assert "Perhaps it was not copied whole" in answer.text
    assert "api.tokens" not in answer.text
    assert 'name="next" value="/builds/x?run=2"' in answer.text
    assert "canary" not in answer.text + str(logs)
    assert [line["event"] for line in logs] == ["api.token_rejected"]
    chinese = await client.post("/sign-in", data={"token": "x"}, headers=SAME | {"accept-language": "zh-CN"})
    assert "登录失败" in chinese.text
    assert "可能没有复制完整" in chinese.text


@pytest.mark.parametrize("kind", ["expired", "revoked", "of another store", "empty", "endless"])
async def test_what_is_no_valid_token_signs_no_one_in(
    store: Store, client: httpx.AsyncClient, kind: str
) -> None:
    issued = await issue(store, expires_at=START if kind == "expired" else None)
    if kind == "revoked":
        await store.tokens.revoke(issued.id, change_by())
    token = Credentials([KEY]).token(replace(issued, id="x") if kind == "of another store" else issued)
    text = {"empty": "", "endless": "x" * 900_000}.get(kind, token)
    assert (await signing_in(client, text)).status_code == 401
    assert await store.sessions.newest(9) == []


async def test_guessing_is_limited_and_says_when_to_try_again(
    store: Store, client: httpx.AsyncClient
) -> None:
    answers = [await signing_in(client, f"guess-{number}") for number in range(ATTEMPT_RATE.count + 1)]
    assert [one.status_code for one in answers] == [401] * ATTEMPT_RATE.count + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "too many wrong tokens" in answers[-1].text
    # Who has a token that no one guesses shares the address, perhaps.
    assert (await signing_in(client, await token_of(store))).status_code == 303


async def test_a_body_without_end_is_not_read(store: Store, client: httpx.AsyncClient) -> None:
    answer = await signing_in(client, "x" * (2 << 20))
    assert answer.status_code == 400
    assert "over 1048576 bytes" in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example.com"},
        {"origin": "null"},
        {},
    ],
)
async def test_another_site_signs_no_one_in_or_out(
    store: Store, client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    token = await token_of(store)
    answer = await signing_in(client, token, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    await signing_in(client, token)
    for path in ("/sign-out", "/language", "/account/times"):
        assert (await client.post(path, data={"to": "en"}, headers=headers)).status_code == 403
    assert is_signed_in(await client.get("/account"))


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example.com",
        "/\\evil.example.com",
        "\\\\evil.example.com",
        "https://evil.example.com/",
        "javascript:alert(1)",
        "/\tevil",
        "/a\r\nSet-Cookie: x=y",
        "evil.example.com",
        "/" + "x" * 5000,
        "",
    ],
)
async def test_no_one_is_led_away(store: Store, client: httpx.AsyncClient, wanted: str) -> None:
    shown = await client.get("/sign-in", params={"next": wanted})
    assert 'name="next" value="/"' in shown.text
    answer = await signing_in(client, await token_of(store), wanted)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_who_is_asked_to_sign_in_comes_back_to_the_page(
    store: Store, client: httpx.AsyncClient
) -> None:
    asked = await client.get("/admin/audit?page=2")
    there = urlsplit(asked.headers["location"])
    assert (asked.status_code, there.path) == (303, "/sign-in")
    (wanted,) = parse_qs(there.query)["next"]
    answer = await signing_in(client, await token_of(store, Role.ADMIN), wanted)
    assert answer.headers["location"] == "/admin/audit?page=2"
    assert is_signed_in(await client.get(answer.headers["location"]))


async def test_signing_in_makes_another_session_and_ends_the_one_before(
    store: Store, client: httpx.AsyncClient
) -> None:
    planted = await signed_in(store, await issue(store))
    answer = await client.post(
        "/sign-in", data={"token": await token_of(store, Role.ADMIN), "next": "/"}, headers=planted | SAME
    )
    secret = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    assert planted["cookie"] != f"buildbridge={secret}"
    assert [one.id for one in await store.sessions.newest(9)] == [session_id_of(secret)]


async def test_a_cookie_that_someone_else_has_chosen_becomes_no_session(
    store: Store, client: httpx.AsyncClient
) -> None:
    chosen = "A" * 43
    headers = SAME | {"cookie": f"buildbridge={chosen}"}
    answer = await client.post(
        "/sign-in", data={"token": await token_of(store), "next": "/"}, headers=headers
    )
    assert chosen not in answer.headers["set-cookie"]
    client.cookies.clear()
    assert not is_signed_in(await client.get("/account", headers={"cookie": f"buildbridge={chosen}"}))


async def test_after_signing_out_the_cookie_is_worth_nothing(store: Store, client: httpx.AsyncClient) -> None:
    await signing_in(client, await token_of(store))
    kept = client.cookies["buildbridge"]
    answer = await client.post("/sign-out", headers=SAME)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?out=1")
    assert 'buildbridge=""; ' in answer.headers["set-cookie"]
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert not is_signed_in(await client.get("/account"))
    assert "You have signed out." in (await client.get("/sign-in?out=1")).text
    client.cookies.clear()
    assert not is_signed_in(await client.get("/account", headers={"cookie": f"buildbridge={kept}"}))
    assert (await client.post("/sign-out", headers=SAME)).status_code == 303, "twice does no harm"
    trail = (await store.audit.page(Cursor(), 9)).rows
    assert [(one.action, one.name, one.origin) for one in trail] == [
        ("session.ended", "the viewer", "192.0.2.7"),
        ("session.started", "the viewer", "192.0.2.7"),
    ]


async def test_a_revoked_token_signs_its_browsers_out(store: Store, client: httpx.AsyncClient) -> None:
    issued = await issue(store)
    await signing_in(client, Credentials([KEY]).token(issued))
    await store.tokens.revoke(issued.id, change_by())
    asked = await client.get("/account")
    assert asked.headers["location"] == "/sign-in?next=%2Faccount&ended=1"
    assert "Your sign-in has ended" in (await client.get(asked.headers["location"])).text
    assert (await client.get("/builds")).status_code == 200, "what is public stays so"


async def test_whom_the_proxy_has_signed_in_needs_no_token(store: Store) -> None:
    out = "https://login.example.com/out?to=here"
    settings = SignInSettings.model_validate({"from": ["192.0.2.7"], "admins": ["ann"], "sign_out": out})
    async with client_of(api_of(store, public_url=URL, sign_in=settings)) as client:
        user = EN | {"x-forwarded-user": "ann"}
        page = await client.get("/sign-in", headers=user)
        assert "The proxy has signed you in as" in page.text
        assert 'name="token"' not in page.text
        for path in ("/sign-in", "/account"):
            assert f'href="{out}"' in (await client.get(path, headers=user)).text
        assert (await client.get("/admin/audit", headers=user)).status_code == 200
        assert 'name="token"' in (await client.get("/sign-in", headers=EN)).text
        forged = await client.post(
            "/admin/tokens", data={"once": "x", "name": "n", "role": "admin"}, headers=user
        )
        assert forged.status_code == 403


async def test_a_header_that_is_wrong_on_every_page_leads_to_no_loop(store: Store) -> None:
    async with client_of(api_of(store)) as client:
        wrong = {"authorization": "Bearer not-a-token-of-ours"}
        assert (await client.get("/account", headers=wrong)).headers["location"].startswith("/sign-in")
        answer = await client.get("/sign-in", headers=wrong)
    assert answer.status_code == 401


async def test_no_one_may_show_these_pages_in_a_frame_or_keep_them(
    store: Store, client: httpx.AsyncClient
) -> None:
    answer = await client.get("/sign-in", headers=bearer(await issue(store)))
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
