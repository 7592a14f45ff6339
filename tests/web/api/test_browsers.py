"""What a browser sends unasked: another site cannot use it, and only a listed proxy can name a user."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import httpx
import pytest
from support.answers import bad, good
from support.api import api_of, bearer, client_of, issue
from support.scripted import Store
from support.signing_in import signed_in

from bridge.config.sign_in import SignInSettings
from bridge.model.access import Role
from bridge.store.values import Cursor

URL = "https://bridge.example.com"

PROXY = "192.0.2.7"
USER = "X-Forwarded-User"

OWN: Mapping[str, Mapping[str, str]] = {
    "of our pages": {"sec-fetch-site": "same-origin"},
    "of the reader": {"sec-fetch-site": "none"},
    "of our pages, whatever a proxy made of the host": {"sec-fetch-site": "same-origin", "origin": "null"},
    "of an older browser": {"origin": URL},
    "of an older browser, in other letters": {"origin": "HTTPS://Bridge.Example.com:443"},
}
FOREIGN: Mapping[str, Sequence[tuple[str, str]]] = {
    "of another site": [("sec-fetch-site", "cross-site")],
    "of another site that has our address": [("sec-fetch-site", "cross-site"), ("origin", URL)],
    "of a sibling": [("sec-fetch-site", "same-site")],
    "of two": [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
    "with no word": [("sec-fetch-site", "")],
    "from nowhere": [],
    "of a frame without an origin": [("origin", "null")],
    "with an empty origin": [("origin", "")],
    "of another host": [("origin", "https://evil.example.com")],
    "of a longer name": [("origin", "https://bridge.example.com.evil.example")],
    "of a name in front": [("origin", "https://bridge.example.com@evil.example")],
    "of another scheme": [("origin", "http://bridge.example.com")],
    "of another port": [("origin", "https://bridge.example.com:8443")],
    "of no port": [("origin", "https://bridge.example.com:99999")],
    "of two origins": [("origin", URL), ("origin", "https://evil.example.com")],
    "of a list of origins": [("origin", f"{URL} https://evil.example.com")],
}
"""What comes with a request that another site has made a browser send."""


async def secure(store: Store, role: Role = Role.ADMIN) -> dict[str, str]:
    return await signed_in(store, await issue(store, role), name="__Host-buildbridge")


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api_of(store, public_url=URL)) as opened:
        yield opened


@pytest.mark.parametrize("how", OWN)
async def test_our_own_pages_may_change_something(store: Store, client: httpx.AsyncClient, how: str) -> None:
    good(await client.post("/v1/reload", headers=await secure(store) | dict(OWN[how])))


@pytest.mark.parametrize("how", FOREIGN)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT"])
async def test_another_site_cannot_change_something_with_a_session(
    store: Store, client: httpx.AsyncClient, how: str, method: str
) -> None:
    build = await store.add_build(namespace="acme")
    path = {"POST": "/v1/reload", "DELETE": f"/v1/builds/{build.id}"}.get(
        method, "/v1/repositories/acme/shop/build-config"
    )
    cookie = (await secure(store))["cookie"]
    answer = await client.request(method, path, headers=[("cookie", cookie), *FOREIGN[how]])
    assert bad(answer, 403).startswith("this request comes from another site")
    trail = (await store.audit.page(Cursor(), 9)).rows
    assert {one.action for one in trail} == {"session.started"}


async def test_what_only_reads_may_come_from_everywhere(store: Store, client: httpx.AsyncClient) -> None:
    cookie = await secure(store)
    good(await client.get("/v1/tokens", headers=cookie | {"sec-fetch-site": "cross-site"}))


async def test_a_program_with_a_token_needs_no_origin_but_with_a_cookie_it_does(
    store: Store, client: httpx.AsyncClient
) -> None:
    admin = bearer(await issue(store, Role.ADMIN))
    good(await client.post("/v1/reload", headers=admin))
    good(await client.post("/v1/reload", headers=admin | {"origin": "https://ci.example.com"}))
    foreign = {"sec-fetch-site": "cross-site"}
    assert (await client.post("/v1/reload", headers=admin | await secure(store) | foreign)).status_code == 403
    stale = {"cookie": "__Host-buildbridge=ended"}
    assert (await client.post("/v1/reload", headers=admin | stale)).status_code == 403
    good(await client.post("/v1/reload", headers=admin | {"cookie": "theme=dark"}))


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://bridge:8088", "bridge:8088", 200),
        ("https://bridge.example.com", "Bridge.Example.com", 200),
        ("http://bridge:8088", "bridge", 403),
        ("http://evil.example", "bridge", 403),
        ("null", "null", 403),
        ("http://", "", 403),
    ],
)
async def test_without_a_public_url_the_origin_is_that_of_the_host(
    store: Store, origin: str, host: str, status: int
) -> None:
    cookie = await signed_in(store, await issue(store, Role.ADMIN))
    async with client_of(api_of(store)) as client:
        answer = await client.post("/v1/reload", headers=cookie | {"origin": origin, "host": host})
    assert answer.status_code == status


def sign_in(**settings: Any) -> SignInSettings:
    return SignInSettings.model_validate({"from": [PROXY], **settings})


async def name_of(store: Store, settings: SignInSettings, headers: Any, address: str = PROXY) -> str | None:
    """The role that a request has; None without one, and what was wrong with it."""
    async with client_of(api_of(store, sign_in=settings), address=address) as client:
        answer = await client.get("/v1/audit", headers=headers)
        if answer.status_code == 403:
            return str(answer.json()["msg"].partition("yours is ")[2].partition(":")[0])
        return {200: "admin", 401: None}[answer.status_code]


async def test_a_proxy_names_users_and_their_roles_are_listed(store: Store) -> None:
    settings = sign_in(members=["bob", "李雷"], admins=["ann"])
    roles = {
        user: await name_of(store, settings, [(USER.encode(), user.encode())])
        for user in ("ann", "bob", "李雷", "eve", " ann ")
    }
    assert roles == {"ann": "admin", "bob": "member", "李雷": "member", "eve": "viewer", " ann ": "admin"}
    assert await name_of(store, sign_in(role="member"), {USER: "eve"}) == "member"
    assert await name_of(store, sign_in(role="admin", members=["bob"]), {USER: "bob"}) == "admin"


async def test_who_is_named_twice_or_by_no_name_is_no_user(store: Store) -> None:
    settings = sign_in(admins=["ann"])
    for headers, why in {
        ((USER, "ann"), (USER, "eve")): "comes twice: have the proxy delete",
        ((USER, "ann"), ("x-forwarded-USER", "ann")): "comes twice",
        ((USER, "x" * 129),): "is no name of a user",
        ((USER, "a\x7fb"),): "is no name of a user",
        ((USER, "api.tokens"),): "api.tokens is the name of no user",
    }.items():
        async with client_of(api_of(store, sign_in=settings)) as client:
            assert why in bad(await client.get("/v1/audit", headers=list(headers)), 400)
    async with client_of(api_of(store, sign_in=settings)) as client:
        answer = await client.get("/v1/audit", headers=[(USER.encode(), b"\xff\xfe")])
        assert "is no name of a user" in bad(answer, 400)
    assert await name_of(store, settings, {USER: ""}) is None
    assert await name_of(store, settings, {"X-Forwarded-Users": "ann"}) is None


@pytest.mark.parametrize("address", ["192.0.2.8", "::1", "127.0.0.1"])
async def test_the_header_of_anyone_else_is_ignored(store: Store, address: str) -> None:
    settings, forged = sign_in(admins=["ann"]), {USER: "ann"}
    assert await name_of(store, settings, forged, address) is None
    assert await name_of(store, settings, forged | {"X-Forwarded-For": PROXY}, address) is None
    async with client_of(api_of(store), address=PROXY) as client:
        assert (await client.get("/v1/audit", headers=forged)).status_code == 401, "no proxy is configured"


async def test_another_header_and_network_may_be_named(store: Store) -> None:
    settings = sign_in(**{"from": ["192.0.2.0/24"], "header": "Remote-User", "admins": ["ann"]})
    assert await name_of(store, settings, {"Remote-User": "ann"}) == "admin"
    assert await name_of(store, settings, {USER: "ann"}) is None


@pytest.mark.parametrize("how", FOREIGN)
async def test_another_site_cannot_use_who_is_signed_in_at_the_proxy(store: Store, how: str) -> None:
    settings = sign_in(admins=["ann"])
    async with client_of(api_of(store, public_url=URL, sign_in=settings)) as client:
        answer = await client.post("/v1/reload", headers=[(USER, "ann"), *FOREIGN[how]])
        assert bad(answer, 403).startswith("this request comes from another site")
        good(await client.post("/v1/reload", headers={USER: "ann", "sec-fetch-site": "same-origin"}))
    (entry,) = (await store.audit.page(Cursor(), 9)).rows
    assert (entry.name, entry.token_id, entry.action) == ("ann", None, "rules.reloaded")


async def test_a_token_counts_before_the_proxy_and_that_before_a_session(store: Store) -> None:
    settings = sign_in()
    member, viewer = await issue(store, Role.MEMBER), {USER: "eve"}
    assert await name_of(store, settings, viewer | bearer(member)) == "member"
    assert await name_of(store, settings, viewer | await signed_in(store, member)) == "viewer"
    assert await name_of(store, settings, await signed_in(store, member)) == "member"
    # The password is for the proxy, which has checked it.
    assert await name_of(store, settings, viewer | {"authorization": "Basic ZXZlOng="}) == "viewer"
    async with client_of(api_of(store, sign_in=settings)) as client:
        wrong = await client.get("/v1/builds", headers={"authorization": "Basic ZXZlOng="})
        assert wrong.status_code == 401
        with_session = await signed_in(store, member) | {"authorization": "Basic ZXZlOng="}
        assert (await client.get("/v1/deliveries", headers=with_session)).status_code == 200
        # A proxy in front may ask for a password, and pass it on: pages are read for all that.
        password = {"authorization": "Basic ZXZlOng="}
        assert (await client.get("/builds", headers=password)).status_code == 200
        assert (await client.get("/sign-in", headers=password)).status_code == 200
        foreign = viewer | {"authorization": "Basic ZXZlOng=", "sec-fetch-site": "cross-site"}
        assert (await client.post("/v1/reload", headers=foreign)).status_code == 403


async def test_users_of_a_proxy_have_no_sessions_and_keys_of_their_own(store: Store) -> None:
    token = await issue(store, Role.ADMIN)
    await signed_in(store, "a-static-token-of-the-tests")
    settings = sign_in(admins=[token.id])
    same = {"sec-fetch-site": "same-origin", "idempotency-key": "k", USER: token.id}
    async with client_of(api_of(store, sign_in=settings)) as client:
        assert good(await client.get("/v1/sessions", headers={USER: "eve"})) == []
        order = {"channel": "team", "until": "2023-11-14T23:00:00Z", "reason": "known"}
        good_answer = await client.post("/v1/reload", headers=same)
        assert good_answer.status_code == 200
        own = await client.post("/v1/silences", json=order, headers=bearer(token) | {"idempotency-key": "k"})
        assert own.status_code != 422, "it is the key of another caller"


async def test_a_user_of_a_proxy_through_a_socket_file(store: Store) -> None:
    settings = sign_in(**{"from": ["unix"], "admins": ["ann"]})
    served = api_of(store, sign_in=settings)

    async def without_address(scope: Any, receive: Any, send: Any) -> None:
        await served(scope | {"client": None}, receive, send)

    async with client_of(without_address) as client:
        assert (await client.get("/v1/audit", headers={USER: "ann"})).status_code == 200
    assert await name_of(store, settings, {USER: "ann"}) is None
