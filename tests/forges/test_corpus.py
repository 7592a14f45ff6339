"""Recorded and composed deliveries of real hosts, when the folder with them is at hand.

`BRIDGE_CORPUS` names it. `tests/forges/payloads` holds what a plain clone tests with.
"""

import os
from pathlib import Path

import pytest
from support.deliveries import Sample, misreadings, samples

from bridge.errors import BadSignature

_FOLDER = os.environ.get("BRIDGE_CORPUS")
_SECRETS = [b"bridge-shared-secret", b"whsec_SQ+mtl3riWIOb5dbtdB9HaUVTRjTGvP/rzPwgxRL09Q="]
_SAMPLES = samples(Path(_FOLDER)) if _FOLDER else []


def test_the_corpus_is_at_hand() -> None:
    if not _FOLDER:
        reason = "BRIDGE_CORPUS names no folder of recorded deliveries"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    assert {sample.forge.host for sample in _SAMPLES} >= {"github", "gitlab", "gitee", "gitea"}


if _SAMPLES:

    @pytest.mark.parametrize("sample", _SAMPLES, ids=str)
    def test_a_delivery_of_the_corpus_is_read_as_expected(sample: Sample) -> None:
        assert misreadings(sample) == {}

    @pytest.mark.parametrize("sample", _SAMPLES, ids=str)
    def test_a_delivery_of_the_corpus_is_recognised(sample: Sample) -> None:
        assert sample.forge.recognises(sample.headers, sample.body)

    @pytest.mark.parametrize("sample", _SAMPLES, ids=str)
    def test_a_signature_of_the_corpus_holds_or_not_as_expected(sample: Sample) -> None:
        try:
            sample.forge.verify(sample.headers, sample.body, _SECRETS, sample.received_at)
        except BadSignature:
            verdict = "invalid"
        else:
            verdict = "valid"
        assert verdict == sample.expected["signature"]
