"""The API by the session of a browser: until when it stands for its token, and who may end it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from support.answers import bad, good
from support.api import api_of, bearer, callers_of, client_of, issue
from support.engines import content
from support.scripted import START, Store
from support.signing_in import ADDRESS, SAME, signed_in
from support.trail import change_by

from bridge.model.access import Principal, Role
from bridge.model.session import IDLE_SECONDS
from bridge.web.api.core.sessions import SessionAccess, session_id_of

STATIC = "a-static-token-of-the-tests"
HTTPS = "https://bridge.example.com"


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api_of(store, tokens=[STATIC])) as opened:
        yield opened


async def who(client: httpx.AsyncClient, headers: dict[str, str]) -> str | None:
    """The name of the session that a request comes with; None where it stands for no one."""
    answer = await client.get("/v1/sessions", headers=headers)
    if answer.status_code == 401:
        return None
    return str(next(one["name"] for one in good(answer) if one["is_this"]))


async def test_a_session_stands_for_its_token(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build(namespace="acme")
    token = await issue(store, Role.VIEWER, "acme")
    headers = await signed_in(store, token)
    assert good(await client.get(f"/v1/builds/{build.id}", headers=headers))["namespace"] == "acme"
    refused = await client.post("/v1/reload", headers=headers | SAME)
    assert "takes the role admin, and yours is viewer" in bad(refused, 403)
    (shown,) = good(await client.get("/v1/sessions", headers=headers))
    assert shown == {
        "id": session_id_of(headers["cookie"].partition("=")[2]),
        "name": "the viewer",
        "role": "viewer",
        "token_id": token.id,
        "created_at": "2023-11-14T22:13:20.000Z",
        "seen_at": "2023-11-14T22:13:20.000Z",
        "ends_at": "2023-11-21T22:13:20.000Z",
        "address": ADDRESS,
        "agent": "a browser",
        "is_this": True,
    }


async def test_what_a_session_reads_is_kept_by_no_shared_cache(
    store: Store, client: httpx.AsyncClient
) -> None:
    answer = await client.get("/v1/sessions", headers=await signed_in(store, await issue(store)))
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "Cookie" in answer.headers["vary"]


@pytest.mark.parametrize("how", ["revoked", "expired", "without its key", "signed out", "idle"])
async def test_a_session_ends_with_its_token(store: Store, client: httpx.AsyncClient, how: str) -> None:
    token = await issue(store, expires_at=START + 2 * IDLE_SECONDS if how == "idle" else START + 60)
    headers = await signed_in(store, token)
    assert await who(client, headers) == "the viewer"
    match how:
        case "revoked":
            await store.tokens.revoke(token.id, change_by())
        case "expired":
            store.clock.advance(60)
        case "idle":
            store.clock.advance(IDLE_SECONDS)
        case "signed out":
            (mine,) = good(await client.get("/v1/sessions", headers=headers))
            good(await client.delete(f"/v1/sessions/{mine['id']}", headers=headers | SAME))
    async with client_of(api_of(store, keys=["another-key-of-32-letters-or-more"])) as other:
        asked = other if how == "without its key" else client
        assert await who(asked, headers) is None
        # What is public stays so for a browser that still has the cookie.
        assert (await asked.get("/v1/builds", headers=headers)).status_code == 200
    assert await store.sessions.newest(9) == []


async def test_a_session_of_a_static_token_ends_when_that_is_removed(store: Store) -> None:
    headers = await signed_in(store, STATIC)
    async with client_of(api_of(store, tokens=["before-it-another-one", STATIC])) as client:
        assert await who(client, headers) == "api.tokens"
        good(await client.post("/v1/reload", headers=headers | SAME))
    async with client_of(api_of(store, tokens=["another-token-of-the-tests"])) as client:
        assert await who(client, headers) is None
    async with client_of(api_of(store, tokens=[STATIC])) as client:
        assert await who(client, headers) is None, "it has ended for good"


async def test_no_token_and_no_secret_of_a_session_is_in_the_store(store: Store) -> None:
    headers = await signed_in(store, STATIC)
    secret = headers["cookie"].partition("=")[2]
    found = content(store.path)
    assert session_id_of(secret).encode() in found
    assert STATIC.encode() not in found
    assert secret.encode() not in found


async def test_a_use_is_written_once_a_minute(store: Store, client: httpx.AsyncClient) -> None:
    headers = await signed_in(store, await issue(store))

    async def seen() -> float:
        (one,) = await store.sessions.newest(9)
        return one.seen_at

    for wait, expected in (59.0, START), (1.0, START + 60), (59.0, START + 60):
        store.clock.advance(wait)
        assert await who(client, headers) is not None
        assert await seen() == expected


async def test_a_use_of_a_token_is_written_once_in_ten_minutes(
    store: Store, client: httpx.AsyncClient
) -> None:
    token = await issue(store, Role.ADMIN)

    async def used() -> Any:
        (one,) = good(await client.get("/v1/tokens", headers=bearer(token)))
        return one["last_used_at"]

    assert await used() == "2023-11-14T22:13:20.000Z"
    store.clock.advance(599)
    assert await used() == "2023-11-14T22:13:20.000Z"
    store.clock.advance(1)
    assert await used() == "2023-11-14T22:23:20.000Z"


@pytest.mark.parametrize("value", ["", "x", "x" * 43, "x" * 60_000, "a=b=c", '"quoted"', "\x7f\xff"])
async def test_a_cookie_of_no_session_is_none(store: Store, client: httpx.AsyncClient, value: str) -> None:
    await issue(store)
    headers = [(b"cookie", f"buildbridge={value}".encode("latin-1"))]
    assert (await client.get("/v1/sessions", headers=headers)).status_code == 401
    assert (await client.get("/v1/builds", headers=headers)).status_code == 200


async def test_a_second_cookie_of_the_name_makes_both_void(store: Store, client: httpx.AsyncClient) -> None:
    mine, other = [await signed_in(store, await issue(store)) for _ in range(2)]
    for first, second in ((mine, other), (other, mine), (mine, {"cookie": "buildbridge=x"}), (mine, mine)):
        joined = {"cookie": f"{first['cookie']}; theme=dark; {second['cookie']}"}
        assert await who(client, joined) is None
        twice = [("cookie", first["cookie"]), ("cookie", second["cookie"])]
        assert (await client.get("/v1/sessions", headers=twice)).status_code == 401
    assert await who(client, {"cookie": f"theme=dark; {mine['cookie']};x"}) == "the viewer"


async def test_with_https_only_the_cookie_that_no_other_host_can_set_counts(store: Store) -> None:
    token = await issue(store)
    async with client_of(api_of(store, public_url=HTTPS)) as client:
        assert await who(client, await signed_in(store, token)) is None
        headers = await signed_in(store, token, name="__Host-buildbridge")
        assert await who(client, headers) == "the viewer"
        with_other = {"cookie": f"buildbridge=tossed; {headers['cookie']}"}
        assert await who(client, with_other) == "the viewer"


async def test_a_token_counts_before_a_session(store: Store, client: httpx.AsyncClient) -> None:
    headers = await signed_in(store, await issue(store))
    admin = await issue(store, Role.ADMIN)
    good(await client.get("/v1/tokens", headers=headers | bearer(admin)))
    wrong = await client.get("/v1/builds", headers=headers | {"authorization": "Bearer wrong"})
    assert wrong.status_code == 401


async def test_everyone_sees_and_ends_its_own_sessions_and_admins_all(
    store: Store, client: httpx.AsyncClient
) -> None:
    ann, bob = await issue(store), await issue(store, Role.MEMBER, "acme")
    first, second, of_bob = [await signed_in(store, one) for one in (ann, ann, bob)]
    (other,) = [one for one in good(await client.get("/v1/sessions", headers=first)) if not one["is_this"]]
    (of_bob_shown,) = good(await client.get("/v1/sessions", headers=of_bob))
    refused = await client.delete(f"/v1/sessions/{of_bob_shown['id']}", headers=first | SAME)
    assert bad(refused, 404).startswith("no session has this id that your token may see")
    good(await client.delete(f"/v1/sessions/{other['id']}", headers=first | SAME))
    assert await who(client, second) is None
    assert await who(client, of_bob) == "the member"
    admin = bearer(await issue(store, Role.ADMIN))
    assert len(good(await client.get("/v1/sessions", headers=admin))) == 2
    good(await client.delete(f"/v1/sessions/{of_bob_shown['id']}", headers=admin))
    assert await who(client, of_bob) is None
    trail = good(await client.get("/v1/audit", headers=admin))["results"]
    assert [(one["action"], one["name"], one["origin"]) for one in trail] == [
        ("session.ended", "the admin", "192.0.2.7"),
        ("session.ended", "the viewer", "192.0.2.7"),
        *[("session.started", name, ADDRESS) for name in ("the member", "the viewer", "the viewer")],
    ]


async def test_an_admin_of_some_namespaces_does_not_see_the_sessions_of_others(
    store: Store, client: httpx.AsyncClient
) -> None:
    await signed_in(store, await issue(store))
    admin = bearer(await issue(store, Role.ADMIN, "acme"))
    assert good(await client.get("/v1/sessions", headers=admin)) == []


async def test_a_stream_ends_with_its_session(store: Store) -> None:
    callers = callers_of(store)
    token = await issue(store)
    await signed_in(store, token)
    (session,) = await store.sessions.newest(9)
    principal = session.caller(token.principal)
    assert await callers.holds(principal)
    await store.sessions.end(session.id, change_by())
    assert not await callers.holds(principal)
    assert await callers.holds(token.principal)
    assert await callers.holds(Principal(name="a user", role=Role.VIEWER, by_proxy=True))


async def test_what_a_browser_says_of_itself_is_cut_and_cannot_hide(store: Store) -> None:
    token = await issue(store)
    access = SessionAccess(store, store.clock)
    agent = "\x1b[31m\u202ered\n" + "x" * 100_000
    await access.start(token.principal, "", origin=ADDRESS, agent=agent)
    (session,) = await store.sessions.newest(9)
    assert session.agent == "[31mred" + "x" * 193
