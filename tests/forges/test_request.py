"""A body is decoded once, however many parts of a forge read it before a delivery is stored."""

import sys
from collections import Counter
from types import FrameType
from urllib.parse import unquote_to_bytes

import orjson
import pytest
from support.deliveries import OWN, SECRETS, Sample, samples

from bridge.errors import BadPayload
from bridge.forges.request import Request

_DECODERS = (orjson.loads,)
_LONG = 100
"""Bytes: more than the name of a form's field, less than any payload."""


def decodings(sample: Sample) -> Counter[str]:
    """How often the interpreter decodes the body, or what it holds, while the forge receives the delivery."""
    found: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, called: object) -> None:
        if event == "c_call" and called in _DECODERS:
            found["JSON"] += 1
        if event == "call" and frame.f_code is unquote_to_bytes.__code__:
            found["form"] += len(frame.f_locals["string"]) > _LONG

    sys.setprofile(watch)
    try:
        sample.forge.receive(
            id="1",
            source="here",
            request=Request(sample.headers, sample.body),
            secrets=SECRETS,
            now=sample.received_at,
        )
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.parametrize("sample", samples(OWN), ids=str)
def test_receiving_a_delivery_decodes_its_body_at_most_once(sample: Sample) -> None:
    assert max(decodings(sample).values(), default=0) <= 1


def test_the_watch_sees_what_is_decoded() -> None:
    found = {str(sample): decodings(sample) for sample in samples(OWN)}
    assert found["coding/v1-push-branch.headers"]["JSON"] == 1
    assert found["gogs/push-form.headers"]["form"] == 1


def test_a_body_that_cannot_be_decoded_says_so_each_time() -> None:
    request = Request({}, b"{")
    for _ in range(2):
        with pytest.raises(BadPayload, match="not JSON"):
            request.decode(request.body)
    assert not request.peek(request.body)
