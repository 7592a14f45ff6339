"""Who calls: tokens of each kind, in each header, until they expire or are revoked."""

import base64
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from structlog.testing import capture_logs
from support.answers import bad, good
from support.api import KEY, api_of, bearer, callers_of, client_of, issue
from support.scripted import START, Store
from support.signing import signed
from support.trail import change_by

from bridge.model.access import IssuedToken, Role
from bridge.web.api.body import MAX_BODY
from bridge.web.api.credentials import Credentials
from bridge.web.limits import ATTEMPT_RATE

STATIC = "a-static-token-of-the-tests"
NEWER = "a-newer-key-of-the-tests-with-letters"


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(api_of(store, tokens=[STATIC])) as opened:
        yield opened


async def private_build(store: Store) -> str:
    return f"/v1/builds/{(await store.add_build(namespace='acme')).id}"


SHOWN: dict[str, Callable[[str], dict[str, str]]] = {
    "as a bearer": lambda token: {"authorization": f"Bearer {token}"},
    "bare": lambda token: {"authorization": token},
    "as X-Auth-Token": lambda token: {"x-auth-token": token},
    "before a signature that no one knows": lambda token: {
        "x-auth-token": token,
        "authorization": "SDK-HMAC-SHA256 Access=dummy, SignedHeaders=host, Signature=dummy",
    },
}


@pytest.mark.parametrize("how", SHOWN)
async def test_a_token_opens_however_it_is_shown(store: Store, client: httpx.AsyncClient, how: str) -> None:
    path = await private_build(store)
    token = Credentials([KEY]).token(await issue(store, Role.VIEWER, "acme"))
    for one in (token, STATIC):
        assert good(await client.get(path, headers=SHOWN[how](one)))["namespace"] == "acme"
        wrong = await client.get(path, headers=SHOWN[how](one[:-2]))
        assert "ask an admin for one" in bad(wrong, 401)
        assert wrong.headers["www-authenticate"] == "Bearer"


async def test_a_token_says_who_it_is_for_and_any_reader_of_jwt_can_verify_it(store: Store) -> None:
    issued = await issue(store, Role.MEMBER, "acme", "globex", expires_at=START + 90.5)
    token = Credentials([KEY]).token(issued)
    assert jwt.get_unverified_header(token)["alg"] == "HS256"
    claims = jwt.decode(token, KEY, algorithms=["HS256"], options={"verify_exp": False})
    assert claims == {
        "jti": issued.id,
        "user": "the member",
        "role": "member",
        "namespaces": ["acme", "globex"],
        "iat": START,
        "exp": int(START) + 90,
    }


async def test_a_token_holds_until_it_expires(store: Store, client: httpx.AsyncClient) -> None:
    path, headers = await private_build(store), bearer(await issue(store, expires_at=START + 60))
    store.clock.advance(59.9)
    good(await client.get(path, headers=headers))
    store.clock.advance(0.1)
    said = bad(await client.get(path, headers=headers), 401)
    assert said == "the token has expired at 2023-11-14T22:14:20.000Z: ask an admin for another"


async def test_a_token_is_revoked_at_once(store: Store, client: httpx.AsyncClient) -> None:
    path, issued = await private_build(store), await issue(store)
    good(await client.get(path, headers=bearer(issued)))
    await store.tokens.revoke(issued.id, change_by())
    assert "was revoked at 2023-11-14T22:13:20.000Z" in bad(
        await client.get(path, headers=bearer(issued)), 401
    )


async def test_a_token_that_the_store_does_not_know_is_not_valid(
    store: Store, client: httpx.AsyncClient
) -> None:
    path, issued = await private_build(store), await issue(store)
    said = bad(await client.get(path, headers=bearer(replace(issued, id="another"))), 401)
    assert "is not in this store" in said


async def test_the_first_key_signs_and_all_keys_verify(store: Store) -> None:
    path, old = await private_build(store), await issue(store)
    rotated = Credentials([NEWER, KEY])
    new = rotated.issue(name="ci", role=Role.VIEWER, namespaces=None, now=START, by="root")
    await store.tokens.add(new, change_by())
    shown = {"old": bearer(old), "new": {"authorization": rotated.token(new)}}
    valid = {}
    for name, keys in {"rotated": [NEWER, KEY], "gone": [NEWER], "before": [KEY]}.items():
        async with client_of(api_of(store, keys=keys)) as client:
            answers = {one: await client.get(path, headers=headers) for one, headers in shown.items()}
        valid[name] = {one for one, answer in answers.items() if answer.status_code == 200}
    assert valid == {"rotated": {"old", "new"}, "gone": {"new"}, "before": {"old"}}


HEADS = st.sampled_from(["alg", "typ", "kid", "crit", "b64", "jwk", "x5c"])


def forged(head: Any, claims: dict[str, Any]) -> str:
    parts = [head if isinstance(head, str) else json.dumps(head), json.dumps(claims), "signature"]
    return ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize("kind", ["none", "deep", "another key", "no id", "an id that is no text", "long"])
async def test_a_forged_token_is_rejected(store: Store, client: httpx.AsyncClient, kind: str) -> None:
    path, issued = await private_build(store), await issue(store, Role.ADMIN)
    claims = {"jti": issued.id, "user": "root", "role": "admin"}
    token = {
        "none": forged({"alg": "none"}, claims),
        "deep": forged("[" * 5000, claims),
        "another key": jwt.encode(claims, NEWER, "HS256"),
        "no id": jwt.encode({"user": "root"}, KEY, "HS256"),
        "an id that is no text": jwt.encode(claims, KEY, "HS256", headers={"kid": "x"}).replace(".", "..", 1),
        "long": f"a.{'b' * 60_000}.c",
    }[kind]
    assert "not one of api.tokens" in bad(await client.get(path, headers={"authorization": token}), 401)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(HEADS | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(head=st.dictionaries(HEADS, JSON, max_size=4) | JSON, hs256=st.booleans())
def test_whatever_stands_in_a_token_that_no_key_has_signed_it_names_no_one(head: Any, *, hs256: bool) -> None:
    if isinstance(head, dict) and hs256:
        head |= {"alg": "HS256"}
    assert Credentials([KEY]).token_id(forged(head, {"jti": "1"})) is None


@given(st.text(st.characters(max_codepoint=255), max_size=40))
def test_no_text_is_a_token(text: str) -> None:
    assert Credentials([KEY]).token_id(text) is None
    assert Credentials([KEY]).token_id(f"{text}.{text}.{text}") is None


def with_access_key(issued: IssuedToken) -> tuple[str, str]:
    secret_key = Credentials([KEY]).secret_key(issued)
    assert issued.access_key is not None
    assert secret_key is not None
    return issued.access_key, secret_key


async def test_a_signature_opens_and_the_same_request_may_be_sent_again(
    store: Store, client: httpx.AsyncClient
) -> None:
    issued = await issue(store, Role.ADMIN, has_access_key=True)
    path = f"{await private_build(store)}/logs?start_time=0&end_time=1%2E5"
    for method, target, body in (("GET", path, b""), ("POST", "/v1/reload", b'{"a": "\xe4"}')):
        headers = signed(with_access_key(issued), method, target, body, START)
        for _ in range(2):
            good(await client.request(method, target, headers=headers, content=body))


async def test_a_changed_or_late_request_and_a_wrong_or_revoked_key_are_rejected(
    store: Store, client: httpx.AsyncClient
) -> None:
    issued = await issue(store, Role.ADMIN, has_access_key=True)
    keys = with_access_key(issued)
    access_key, secret_key = keys
    headers = signed(keys, "POST", "/v1/reload", b"{}", START)

    async def said(headers: dict[str, str], body: bytes = b"{}") -> str:
        return bad(await client.post("/v1/reload", headers=headers, content=body), 401)

    assert "does not fit the request" in await said(headers, b"[]")
    assert "does not fit" in await said(signed((access_key, "x"), "POST", "/v1/reload", b"{}", START))
    assert "is not known here" in await said(signed(("AK", secret_key), "POST", "/v1/reload", b"{}", START))
    assert "minutes off" in await said(signed(keys, "POST", "/v1/reload", b"{}", START - 901))
    assert "is not `SDK-HMAC-SHA256 Access=" in await said({"authorization": "SDK-HMAC-SHA256 x"})
    await store.tokens.revoke(issued.id, change_by())
    assert "was revoked" in await said(headers)


async def test_of_an_access_key_only_its_id_is_kept_and_it_lives_as_long_as_its_key(store: Store) -> None:
    issued = await issue(store, Role.ADMIN, has_access_key=True)
    headers = signed(with_access_key(issued), "POST", "/v1/reload", b"", START)
    for keys, status in ([NEWER, KEY], 200), ([NEWER], 401):
        async with client_of(api_of(store, keys=keys)) as client:
            assert (await client.post("/v1/reload", headers=headers)).status_code == status


async def test_a_signed_body_over_the_limit_is_not_read_to_its_end(
    store: Store, client: httpx.AsyncClient
) -> None:
    keys = with_access_key(await issue(store, Role.ADMIN, has_access_key=True))
    body = b" " * (MAX_BODY + 1)
    answer = await client.post(
        "/v1/reload", headers=signed(keys, "POST", "/v1/reload", body, START), content=body
    )
    assert f"over {MAX_BODY} bytes" in bad(answer, 400)


async def test_wrong_tokens_are_limited_for_each_client_and_valid_ones_are_not(store: Store) -> None:
    path, valid = await private_build(store), bearer(await issue(store))
    app, wrong = api_of(store), {"authorization": "a-wrong-token"}
    async with client_of(app) as client, client_of(app, address="192.0.2.8") as other:
        for _ in range(ATTEMPT_RATE.count):
            bad(await client.get(path, headers=wrong), 401)
        limited = await client.get(path, headers=wrong)
        assert "too many wrong tokens came from this address" in bad(limited, 429)
        assert limited.headers["retry-after"] == "1"
        good(await client.get(path, headers=valid))
        bad(await client.get(path), 404)
        bad(await other.get(path, headers=wrong), 401)
        store.clock.advance(1)
        bad(await client.get(path, headers=wrong), 401)
        bad(await client.get(path, headers=wrong), 429)


async def test_a_burst_of_wrong_tokens_is_one_line_of_log_and_they_are_never_in_it(store: Store) -> None:
    wrong = {"authorization": "Bearer a-canary-of-the-tests"}
    issued = await issue(store, expires_at=START)
    with capture_logs() as logs:
        async with client_of(api_of(store)) as client:
            for _ in range(ATTEMPT_RATE.count + 10):
                await client.get("/v1/builds", headers=wrong)
            store.clock.advance(60)
            await client.get("/v1/builds", headers=bearer(issued))
    assert len(logs) == 2
    assert {line["event"] for line in logs} == {"api.token_rejected"}
    assert {line["client"] for line in logs} == {"192.0.2.7"}
    assert logs[-1]["suppressed"] == ATTEMPT_RATE.count + 10 - 1
    assert "has expired" in logs[-1]["reason"]
    assert "canary" not in str(logs)
    assert bearer(issued)["authorization"].partition(" ")[2] not in str(logs)


def test_the_library_of_tokens_is_loaded_with_the_first_token_and_without_cryptography() -> None:
    script = f"""
import sys
import bridge.app
from bridge.model.access import Role
from bridge.web.api.credentials import Credentials
assert "jwt" not in sys.modules
one = Credentials(["{KEY}"])
assert one.token_id("a-static-token") is None
assert "jwt" not in sys.modules
issued = one.issue(name="x", role=Role.ADMIN, namespaces=None, now=0.0, by="y")
assert one.token_id(one.token(issued)) == issued.id
assert "jwt" in sys.modules
assert not [name for name in sys.modules if name.startswith("cryptography")]
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.parametrize(
    ("server", "name"),
    [
        (("/the/socket/of/commands", None), "the user of the daemon"),
        (("/run/buildbridge.sock", None), None),
        (("127.0.0.1", 8088), None),
        (None, None),
    ],
)
async def test_only_the_socket_file_of_commands_makes_an_admin(
    store: Store, server: tuple[str, int | None] | None, name: str | None
) -> None:
    """Through the one of systemd any client of a proxy comes, and none of them has an address, either."""
    scope: dict[str, Any] = {"type": "http", "headers": [], "server": server, "client": None}
    principal = await callers_of(store, local="/the/socket/of/commands").principal(Request(scope))
    assert (principal and principal.name) == name
