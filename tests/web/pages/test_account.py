"""The page about who reads: its sessions, and how pages are shown."""

import html
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from support.api import KEY, api_of, bearer, client_of, issue
from support.scripted import Store
from support.signing_in import SAME, signed_in

from bridge.model.access import Role
from bridge.web.api.core.sessions import session_id_of
from bridge.web.api.credentials import Credentials

EN = {"accept-language": "en"}


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api_of(store)) as opened:
        opened.headers.update(EN)
        yield opened


async def test_it_says_what_the_reader_may_do_and_where(store: Store, client: httpx.AsyncClient) -> None:
    member = await issue(store, Role.MEMBER, "acme", "<b>globex</b>")
    page = (await client.get("/account", headers=bearer(member))).text
    assert "the member" in page
    assert "also trigger, cancel, retry and edit" in page
    assert "acme" in page
    assert "&lt;b&gt;globex&lt;/b&gt;" in page
    assert "<b>globex" not in page


async def test_one_ends_another_browser_of_its_own_token_only(
    store: Store, client: httpx.AsyncClient
) -> None:
    ann, bob = await issue(store), await issue(store)
    here, there, of_bob = [await signed_in(store, one) for one in (ann, ann, bob)]
    sessions = {one.id: one for one in await store.sessions.newest(9)}
    (foreign,) = [one.id for one in sessions.values() if one.token_id == bob.id]
    page = (await client.get("/account", headers=here)).text
    assert page.count("End the session of") == 2
    assert foreign not in page
    refused = await client.post(f"/account/sessions/{foreign}/end", data={}, headers=here | SAME)
    assert refused.status_code == 404
    mine = session_id_of(here["cookie"].partition("=")[2])
    (other,) = sessions.keys() - {foreign, mine}
    done = await client.post(f"/account/sessions/{other}/end", data={}, headers=here | SAME)
    assert done.headers["location"] == "/account?done=ended"
    assert len(await store.sessions.newest(9)) == 2
    assert (await client.get("/account", headers=of_bob)).status_code == 200
    alive = [(await client.get("/account", headers=one)).status_code for one in (here, there)]
    assert alive == [200, 303]
    out = await client.post(f"/account/sessions/{mine}/end", data={}, headers=here | SAME)
    assert out.headers["location"] == "/sign-in?out=1"
    assert "max-age=0" in out.headers["set-cookie"].lower()


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36",
            "Chrome · Linux",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/120.0 Safari/537.36 Edg/120.0", "Edge · Windows"),
        ("Mozilla/5.0 (iPhone; like Mac OS X) MicroMessenger/7.0 wxwork/4.1", "WeCom · iOS"),
        ("curl/8 <b>", "curl/8 &lt;b&gt;"),
    ],
)
async def test_a_browser_is_named_as_people_call_it(
    store: Store, client: httpx.AsyncClient, agent: str, shown: str
) -> None:
    token = Credentials([KEY]).token(await issue(store))
    await client.post("/sign-in", data={"token": token}, headers=SAME | {"user-agent": agent})
    page = (await client.get("/account")).text
    assert f">{shown}</bdi>" in page
    assert f'title="{html.escape(agent)}"' in page


async def test_the_choice_of_times_is_kept_in_a_cookie(store: Store, client: httpx.AsyncClient) -> None:
    headers = bearer(await issue(store))
    assert 'data-times="reader"' in (await client.get("/account", headers=headers)).text
    answer = await client.post("/account/times", data={"to": "server"}, headers=headers | SAME)
    assert answer.headers["location"] == "/account"
    assert 'data-times="server"' in (await client.get("/account", headers=headers)).text
    wrong = await client.post("/account/times", data={"to": "<mars>"}, headers=headers | SAME)
    assert "set-cookie" not in wrong.headers


async def test_many_sessions_have_pages(store: Store, client: httpx.AsyncClient) -> None:
    token = await issue(store, Role.ADMIN)
    for _ in range(21):
        await signed_in(store, token)
    for path in ("/account", "/admin/sessions"):
        first = (await client.get(path, headers=bearer(token))).text
        assert first.count("End the session of") == 20
        older = re.search(r'href="([^"]+)" rel="next"', first)
        assert older is not None
        for address in (html.unescape(older[1]), f"{path}?page=2"):
            second = (await client.get(address, headers=bearer(token))).text
            assert second.count("End the session of") == 1
            assert 'rel="next"' not in second
        for odd in ("page=0", "page=x", "before=nan-1", "after=\uff19"):
            refused = await client.get(f"{path}?{odd}", headers=bearer(token))
            assert refused.status_code == 400
            assert refused.text.count("End the session of") == 20
