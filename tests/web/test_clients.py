"""Who is believed to have sent a request, behind no proxy, one, and several."""

from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from support.receiving import ReceiverHarness, push, signed
from support.scripted import Store, open_store

from bridge.web.clients import Clients

NEAR = [ip_network("10.0.0.1"), ip_network("172.16.0.0/12"), ip_network("fd00::/8")]
ALLOWED = "192.0.2.7"


def client(peer: str | None, *forwarded: str, proxies: Sequence[Any] = NEAR) -> str:
    """The address that is believed; each of `forwarded` is a header of its own."""
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    scope = {"client": peer and (peer, 5), "headers": [(b"host", b"x"), *headers, (b"accept", b"*/*")]}
    found = Clients(proxies).of(scope)
    again = Clients(proxies).of(scope)
    assert found == again
    return str(found.address)


def test_without_trusted_proxies_the_header_is_ignored() -> None:
    assert client("10.0.0.1", ALLOWED, proxies=[]) == "10.0.0.1"
    assert client(None, ALLOWED, proxies=[]) == "None"


def test_the_header_of_somebody_who_is_no_proxy_is_ignored() -> None:
    assert client("203.0.113.7", ALLOWED) == "203.0.113.7"
    assert client("10.0.0.2", ALLOWED) == "10.0.0.2"


@pytest.mark.parametrize(
    ("forwarded", "believed"),
    [
        ([ALLOWED], ALLOWED),
        ([f"{ALLOWED}, 203.0.113.7"], "203.0.113.7"),
        ([ALLOWED, "203.0.113.7"], "203.0.113.7"),
        (["203.0.113.7", ALLOWED], ALLOWED),
        ([f"10.0.0.1, {ALLOWED}, 203.0.113.7, 172.16.0.9"], "203.0.113.7"),
        ([f"{ALLOWED}, 172.31.0.1,172.16.0.9 , 10.0.0.1"], ALLOWED),
        ([f"{ALLOWED},fd00::9,::ffff:172.16.0.9"], ALLOWED),
        (["172.31.0.1, 172.16.0.9"], "172.31.0.1"),
        (["::ffff:192.0.2.7"], ALLOWED),
        (["2001:db8::7"], "2001:db8::7"),
        ([f"{ALLOWED}:4711"], ALLOWED),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["[2001:db8::7]"], "2001:db8::7"),
        ([f"{ALLOWED}, unknown"], "None"),
        ([f"{ALLOWED},"], "None"),
        (["\xff"], "None"),
        (["[2001:db8::7"], "2001:db8::7"),
        ([", ".join([ALLOWED] + ["10.0.0.1"] * 40)], "10.0.0.1"),
        ([f"{ALLOWED}," + " " * 5000 + "203.0.113.7"], "203.0.113.7"),
        ([], "10.0.0.1"),
        ([""], "10.0.0.1"),
    ],
)
def test_the_address_is_what_the_outermost_trusted_proxy_saw(forwarded: list[str], believed: str) -> None:
    assert client("10.0.0.1", *forwarded) == believed


@pytest.mark.parametrize("peer", ["::ffff:10.0.0.1", "172.20.1.2", "fd00::1"])
def test_a_proxy_may_be_written_as_it_likes_or_stand_in_a_network(peer: str) -> None:
    assert client(peer, f"203.0.113.7, {ALLOWED}") == ALLOWED


def test_a_socket_in_the_file_system_is_a_proxy_where_that_is_said() -> None:
    assert client(None, ALLOWED, proxies=["unix"]) == ALLOWED
    assert client(None, f"{ALLOWED}, 10.0.0.1", proxies=["unix", *NEAR]) == ALLOWED
    assert client(None, ALLOWED) == "None"
    assert client("203.0.113.7", ALLOWED, proxies=["unix"]) == "203.0.113.7"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        (ALLOWED, "", 202),
        ("::ffff:192.0.2.7", "", 202),
        ("203.0.113.7", ALLOWED, 403),
        ("10.0.0.1", ALLOWED, 202),
        ("10.0.0.1", f"{ALLOWED}, 203.0.113.7", 403),
        ("10.0.0.1", f"203.0.113.7, {ALLOWED}", 202),
        ("10.0.0.1", f"{ALLOWED}, unknown", 403),
        ("10.0.0.1", "", 403),
        (None, ALLOWED, 403),
    ],
)
async def test_an_allow_list_is_about_the_believed_address(
    store: Store, peer: str | None, forwarded: str, status: int
) -> None:
    harness = ReceiverHarness(store, clients=Clients(NEAR), github={"allow": [ip_network("192.0.2.0/24")]})
    body = push()
    headers = signed(body) | ({"x-forwarded-for": forwarded} if forwarded else {})
    assert (await harness.post(body, headers, sender=peer)).status_code == status


def test_addresses_behind_a_proxy_have_allowances_of_their_own() -> None:
    def client_key(chain: str) -> str:
        scope = {"client": ("10.0.0.1", 1), "headers": [(b"x-forwarded-for", chain.encode())]}
        return Clients(NEAR).of(scope).client_key

    assert client_key("192.0.2.7") != client_key("192.0.2.8")
    assert client_key("2001:db8::1") == client_key("2001:db8::2")
    assert client_key("unknown") == client_key("also unknown") == "10.0.0.1"
    assert client_key("192.0.2.7") == "192.0.2.7"
