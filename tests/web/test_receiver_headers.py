"""Headers that leave a choice, or ask for work, before anything proves who sent them."""

import gzip

import pytest
from support.listed import newest_deliveries
from support.receiving import ReceiverHarness, push, signed
from support.scripted import Store


def pairs(body: bytes, **changed: list[str]) -> list[tuple[str, str]]:
    """The headers of a delivery of GitHub, with other values for some, each in a header of its own."""
    found = {name: [value] for name, value in signed(body).items()}
    found |= {name.replace("_", "-"): values for name, values in changed.items()}
    return [(name, value) for name, values in found.items() for value in values]


@pytest.mark.parametrize("right_comes", ["first", "last", "twice"])
@pytest.mark.parametrize("joined", [False, True])
async def test_two_signatures_are_none(store: Store, right_comes: str, joined: bool) -> None:
    body = push()
    right, wrong = (
        signed(body, secret)["x-hub-signature-256"] for secret in (b"a-secret-of-the-harness", b"x")
    )
    values = {"first": [right, wrong], "last": [wrong, right], "twice": [right, right]}[right_comes]
    headers = pairs(body, x_hub_signature_256=[", ".join(values)] if joined else values)
    assert (await ReceiverHarness(store).post(body, headers)).status_code == 401


async def test_two_events_are_a_bad_request_and_no_push_that_is_lost(store: Store) -> None:
    body = push()
    answer = await ReceiverHarness(store).post(body, pairs(body, x_github_event=["push", "push"]))
    assert answer.status_code == 400
    assert answer.json() == {"error": "the header x-github-event came twice"}


@pytest.mark.parametrize("values", [["application/json", "text/plain"], ["application/json-seq"]])
async def test_a_type_is_one_type_and_not_the_beginning_of_another(store: Store, values: list[str]) -> None:
    body = push()
    assert (await ReceiverHarness(store).post(body, pairs(body, content_type=values))).status_code == 415


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip", "x-unknown"])
async def test_what_is_compressed_is_rejected_and_never_kept(store: Store, coding: str) -> None:
    body = gzip.compress(push())
    answer = await ReceiverHarness(store).post(body, pairs(body, content_encoding=[coding]))
    assert answer.status_code == 415
    assert answer.json() == {"error": "the body is compressed: send it without a Content-Encoding"}
    assert await newest_deliveries(store, 10) == []


async def test_a_body_that_is_said_to_be_as_it_is_is_taken(store: Store) -> None:
    body = push()
    assert (
        await ReceiverHarness(store).post(body, pairs(body, content_encoding=["Identity"]))
    ).status_code == 202


async def test_where_a_source_has_no_secret_nothing_proves_who_sends(store: Store) -> None:
    harness, body = ReceiverHarness(store, polled={"secrets": []}), push()
    for headers in (signed(body), signed(body, b"")):
        assert (await harness.post(body, headers, source="polled")).status_code == 401
    assert await newest_deliveries(store, 10) == []
