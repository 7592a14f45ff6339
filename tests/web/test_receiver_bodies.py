"""Bodies that come in pieces, or do not come: what is stored of them, and what is answered."""

from functools import partial

import anyio
import pytest
from starlette.types import Message, Receive
from support.listed import newest_deliveries
from support.receiving import GONE, MAX_BODY, SECRET, ReceiverHarness, push, sends, signed
from support.scripted import Store, failing

from bridge.registry import FORGES
from bridge.runtime.metrics import DELIVERY_OUTCOMES, REGISTRY
from bridge.runtime.rate import Rate

# A token proves who sends, and nothing about the body: only the receiver can tell that a part is missing.
GITLAB = {"forge": FORGES["GitLab"]}
TOKEN = {
    "content-type": "application/json",
    "x-gitlab-token": SECRET.decode(),
    "x-gitlab-event": "Push Hook",
    "idempotency-key": "one",
}
LARGE = 900 << 10


def part(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [part(b"")],
        [part(b"{"), part(b"")],
        [part(b"x" * 1000), part(b"x" * 1000)],
        [{**GONE, "body": b"{}"}],
    ],
    ids=["nothing", "a beginning of nothing", "a beginning", "two parts", "a farewell"],
)
async def test_of_a_sender_that_hangs_up_nothing_is_stored_and_the_next_try_is_none_that_repeats(
    store: Store, messages: list[Message]
) -> None:
    harness = ReceiverHarness(store, gitlab=GITLAB)
    assert (await harness.stream(sends(*messages), TOKEN, source="gitlab"))[0] == 400
    assert await newest_deliveries(store, 10) == []
    assert harness.calls.count("on_stored") == 0
    again = await harness.stream(sends(part(b"{", more=True), part(b"}", more=False)), TOKEN, source="gitlab")
    assert again[0] == 202
    (stored,) = await newest_deliveries(store, 10)
    found = await store.deliveries.get(stored.id)
    assert found is not None
    assert (found[0].delivery.body, stored.size) == (b"{}", 2)


async def test_a_first_piece_over_the_cap_is_rejected_whatever_was_announced(store: Store) -> None:
    harness = ReceiverHarness(store, gitlab=GITLAB)
    for more in (True, False):
        lie = TOKEN | {"content-length": "2"}
        status, _ = await harness.stream(sends(part(b" " * (MAX_BODY + 1), more=more)), lie, source="gitlab")
        assert status == 413
    assert await newest_deliveries(store, 10) == []


async def test_whom_there_is_no_room_for_comes_again_and_is_no_nuisance(store: Store) -> None:
    harness = ReceiverHarness(store, gitlab=GITLAB | {"rejected_rate": Rate(3, 60.0)})
    done = anyio.Event()

    def waiting(first: Message) -> Receive:
        messages = [first]

        async def receive() -> Message:
            if not messages:
                await done.wait()
            return messages.pop() if messages else part(b"", more=False)

        return receive

    async with anyio.create_task_group() as tasks:
        first = waiting(part(b" " * LARGE))
        tasks.start_soon(partial(harness.stream, first, TOKEN, source="gitlab"))
        await anyio.wait_all_tasks_blocked()
        for _ in range(5):
            answer = await harness.stream(sends(part(b" " * (LARGE + 1))), TOKEN, source="gitlab")
            assert (answer[0], answer[1]["retry-after"]) == (503, "5")
        done.set()
    wrong = TOKEN | {"x-gitlab-token": "wrong"}
    assert (await harness.stream(sends(part(b"{}", more=False)), wrong, source="gitlab"))[0] == 401


async def test_those_who_hang_up_leave_the_room_to_others(store: Store) -> None:
    harness = ReceiverHarness(store, gitlab=GITLAB)
    for _ in range(20):
        await harness.stream(sends(part(b" " * (100 << 10))), TOKEN, source="gitlab")
    whole = sends(part(b" " * LARGE), part(b"{}", more=False))
    assert (await harness.stream(whole, TOKEN, source="gitlab"))[0] == 202


async def test_who_is_to_wait_for_less_than_a_second_is_reported_to_wait_for_one(store: Store) -> None:
    harness = ReceiverHarness(store, github={"rate": Rate(2, 1.0)})
    assert [await harness.honest() for _ in range(2)] == [202, 202]
    body = push()
    answer = await harness.post(body, signed(body))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")


async def test_the_daemon_is_woken_by_what_is_stored_and_by_nothing_else(store: Store) -> None:
    harness = ReceiverHarness(store)
    assert await harness.forged() == 401
    assert harness.calls.count("on_stored") == 0
    assert await harness.honest() == 202
    assert harness.calls.count("on_stored") == 1


def counted(source: str, word: str) -> float:
    """How often a delivery had this outcome, or was rejected for this reason."""
    label = "outcome" if word in DELIVERY_OUTCOMES else "reason"
    name = "buildbridge_deliveries" if label == "outcome" else "buildbridge_deliveries_rejected"
    return REGISTRY.get_sample_value(f"{name}_total", {"source": source, label: word}) or 0.0


async def test_every_answer_is_counted_and_names_of_strangers_are_one(store: Store) -> None:
    harness = ReceiverHarness(store)
    body = push()
    headers = signed(body)
    expected = [
        *[("github", outcome) for outcome in DELIVERY_OUTCOMES],
        *[("github", "signature"), ("unknown", "rejected"), ("unknown", "unknown")],
    ]
    before = {case: counted(*case) for case in expected}
    for _ in range(2):
        await harness.post(body, headers)
    await harness.forged()
    async with failing(store):
        await harness.honest()
    await harness.honest(source="made-up")
    assert {case: counted(*case) - count for case, count in before.items()} == dict.fromkeys(expected, 1)
    assert counted("made-up", "rejected") == 0


@pytest.mark.parametrize("length", ["²", "1e3", "-1", "0x2", ""])
async def test_a_length_that_is_no_number_is_a_bad_request(store: Store, length: str) -> None:
    harness = ReceiverHarness(store, gitlab=GITLAB)
    headers = TOKEN | {"content-length": length}
    assert (await harness.stream(sends(part(b"{}", more=False)), headers, source="gitlab"))[0] == 400
