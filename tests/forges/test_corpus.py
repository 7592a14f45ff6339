"""Recorded and composed deliveries of real hosts, when the folder with them is at hand.

`BRIDGE_CORPUS` names it. `tests/forges/payloads` holds what a plain clone tests with.
"""

import os
from pathlib import Path

import pytest
from support.deliveries import CORPUS_SECRETS, HOSTS, Sample, misreadings, samples
from support.needs import needs_corpus

from bridge.errors import BadSignature
from bridge.forges.request import Request

_FOLDER = os.environ.get("BRIDGE_CORPUS")
_SAMPLES = samples(Path(_FOLDER)) if _FOLDER else []


def test_the_corpus_is_read_whole_and_of_every_host() -> None:
    found = samples(needs_corpus())
    assert len(found) == 108
    assert {sample.expected["host"] for sample in found} == set(HOSTS) - {"simple"}


if _SAMPLES:

    @pytest.mark.parametrize("sample", _SAMPLES, ids=str)
    def test_a_delivery_of_the_corpus_is_read_as_expected(sample: Sample) -> None:
        assert misreadings(sample) == {}

    @pytest.mark.parametrize("sample", _SAMPLES, ids=str)
    def test_a_delivery_of_the_corpus_is_recognised(sample: Sample) -> None:
        assert sample.forge.recognises(Request(sample.headers, sample.body))

    @pytest.mark.parametrize("sample", _SAMPLES, ids=str)
    def test_a_signature_of_the_corpus_holds_or_not_as_expected(sample: Sample) -> None:
        try:
            sample.forge.verify(Request(sample.headers, sample.body), CORPUS_SECRETS, sample.received_at)
        except BadSignature:
            decision = "invalid"
        else:
            decision = "valid"
        assert decision == sample.expected["signature"]
