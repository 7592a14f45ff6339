"""How much one source takes from whom, as clients at many addresses meet it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from support.listed import newest_deliveries
from support.receiving import ReceiverHarness, push, signed
from support.scripted import Store, open_store

from bridge.runtime.rate import Rate
from bridge.web import limits

HOST, STRANGER = "192.0.2.1", "203.0.113.7"
FEW = {"rejected_rate": Rate(3, 60.0)}
LARGE = push(padding="x" * (100 << 10))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path) as opened:
        yield opened


async def worn_out(harness: ReceiverHarness, client: str) -> None:
    """Send in vain until that is too much."""
    for _ in range(100):
        if await harness.forged(sender=client) == 429:
            return
    raise AssertionError("never too much")


async def test_a_stranger_is_asked_to_stop_and_when_to_come_back(store: Store) -> None:
    harness = ReceiverHarness(store, github=FEW)
    assert [await harness.forged(sender=STRANGER) for _ in range(5)] == [401, 401, 401, 429, 429]
    answer = await harness.post(b"{}", signed(b"{}", b"wrong"), sender=STRANGER)
    assert int(answer.headers["retry-after"]) == 20
    store.clock.advance(20)
    assert [await harness.forged(sender=STRANGER) for _ in range(2)] == [401, 429]


async def test_a_stranger_uses_up_nothing_of_a_host(store: Store) -> None:
    harness = ReceiverHarness(store, github=FEW | {"rate": Rate(50, 60.0)})
    await worn_out(harness, STRANGER)
    assert await harness.forged(LARGE, sender=STRANGER) == 429
    assert await harness.honest(sender=HOST) == 202
    assert await harness.honest(LARGE, sender=HOST) == 202


async def test_a_host_behind_the_address_of_a_stranger_is_heard(store: Store) -> None:
    harness = ReceiverHarness(store, github=FEW)
    await worn_out(harness, HOST)
    assert await harness.honest(LARGE, sender=HOST) == 429, "no one there has proven who he is yet"
    assert await harness.honest(sender=HOST) == 202
    await worn_out(harness, HOST)
    assert await harness.honest(LARGE + b" ", sender=HOST) == 202


async def test_a_large_body_of_unknown_length_is_cut_off_for_who_sent_too_much_in_vain(store: Store) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(LARGE), 1000):
            yield LARGE[start : start + 1000]

    harness = ReceiverHarness(store, github=FEW)
    await worn_out(harness, STRANGER)
    for client, status in ((STRANGER, 429), (HOST, 202)):
        answer = await harness.post(pieces(), signed(LARGE), sender=client)  # type: ignore[arg-type]  # httpx takes it
        assert answer.status_code == status


async def test_each_source_counts_for_itself_and_so_do_the_names_of_none(store: Store) -> None:
    harness = ReceiverHarness(store, github=FEW, other=FEW)
    await worn_out(harness, STRANGER)
    assert await harness.forged(sender=STRANGER, source="other") == 401
    unknown = [await harness.honest(sender=STRANGER, source=f"none-{number}") for number in range(601)]
    assert (unknown[0], unknown[599], unknown[600]) == (404, 404, 429)


async def test_every_rejection_counts(store: Store) -> None:
    harness = ReceiverHarness(store, github=FEW | {"allow": ()})
    for change in ({"content-type": "text/html"}, {"x-hub-signature-256": ""}, {"x-gitea-event": "push"}):
        answer = await harness.post(b"{}", signed(b"{}") | change, sender=STRANGER)
        assert answer.status_code in {401, 415}
    assert await harness.forged(sender=STRANGER) == 429


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("203.0.113.7", "::ffff:203.0.113.7", True),
        ("203.0.113.7", "203.0.113.8", False),
    ],
)
async def test_who_has_an_ipv6_network_has_one_allowance(
    store: Store, first: str, second: str, shared: bool
) -> None:
    harness = ReceiverHarness(store, github=FEW)
    await worn_out(harness, first)
    assert await harness.forged(sender=second) == (429 if shared else 401)


async def test_verified_deliveries_are_bounded_only_where_the_source_says_so(store: Store) -> None:
    harness = ReceiverHarness(store, free={}, bounded={"rate": Rate(2, 10.0)})
    assert {await harness.honest(source="free") for _ in range(50)} == {202}
    assert [await harness.honest(source="bounded") for _ in range(3)] == [202, 202, 429]
    stored = [row.source for row in await newest_deliveries(store, 100)]
    assert stored.count("bounded") == 2, "what is refused is not kept"
    body = push()
    answer = await harness.post(body, signed(body), source="bounded")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    store.clock.advance(5)
    assert [await harness.honest(source="bounded") for _ in range(2)] == [202, 429]


async def test_of_too_many_proven_addresses_the_oldest_is_forgotten(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_KEYS", 2)
    harness = ReceiverHarness(store, github=FEW)
    clients = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    for client in clients:
        assert await harness.honest(sender=client) == 202
        await worn_out(harness, client)
    assert [await harness.honest(LARGE, sender=client) for client in clients[1:]] == [202, 202]
    assert await harness.honest(LARGE, sender=clients[0]) == 429


async def test_a_clock_that_is_set_back_locks_no_one_out(store: Store) -> None:
    harness = ReceiverHarness(store, github=FEW)
    await worn_out(harness, STRANGER)
    store.clock.advance(-86_400)
    assert await harness.forged(sender=STRANGER) == 429
    store.clock.advance(20)
    assert await harness.forged(sender=STRANGER) == 401
