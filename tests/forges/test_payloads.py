"""Composed deliveries of each host, in the documented shapes and with invented values."""

import re
from pathlib import Path

import pytest
from support.deliveries import HOSTS, SECRETS, Sample, misreadings, samples
from support.each_host import of_each_host

from bridge.forges.request import Request
from bridge.model.delivery import Delivery

_PROOF = re.compile("token|signature|authorization")
_SAMPLES = samples(Path(__file__).parent / "payloads")
every_sample = of_each_host(_SAMPLES)


def receive(sample: Sample) -> Delivery:
    return sample.forge.receive(
        id="1",
        source="here",
        request=Request(sample.headers, sample.body),
        secrets=SECRETS,
        now=sample.received_at,
    )


@every_sample
def test_a_delivery_is_read_as_expected(sample: Sample) -> None:
    assert misreadings(sample) == {}


@every_sample
def test_a_delivery_is_recognised_by_its_host_alone(sample: Sample) -> None:
    found = [name for name, forge in HOSTS.items() if forge.recognises(Request(sample.headers, sample.body))]
    assert found == [sample.forge.host]


@every_sample
def test_what_is_stored_reads_like_what_was_sent(sample: Sample) -> None:
    delivery = receive(sample)
    stored = sample.forge.parse(Request(delivery.headers, delivery.body))
    assert stored == sample.forge.parse(Request(sample.headers, sample.body))


@every_sample
def test_nothing_stored_proves_who_sent_it(sample: Sample) -> None:
    delivery = receive(sample)
    values = {name: value for name, value in sample.headers.items() if name not in delivery.headers}
    proofs = [value for name, value in values.items() if _PROOF.search(name)]
    assert proofs or any(secret in sample.body for secret in SECRETS)
    stored = delivery.body + repr(delivery.headers).encode()
    for proof in (*proofs, *(secret.decode() for secret in SECRETS)):
        assert proof.encode() not in stored


def test_a_test_of_gitee_s_webhook_is_not_the_push_whose_body_it_repeats() -> None:
    gitee = [sample for sample in _SAMPLES if sample.forge.host == "gitee"]
    tests = [sample for sample in gitee if sample.expected["event"] == "ping"]
    bodies = {sample.body for sample in gitee if sample.expected["event"] == "push"}
    keys = {receive(sample).key for sample in gitee if sample.expected["event"] == "push"}
    assert [sample.body in bodies for sample in tests] == [True]
    assert keys.isdisjoint(receive(sample).key for sample in tests)


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_has_pushes_tags_removals_and_what_is_none_of_them(host: str) -> None:
    """So that this set cannot thin out unnoticed."""
    events = {sample.expected["event"] for sample in _SAMPLES if sample.forge.host == host}
    assert events >= {"push", "tag", "delete"}
    assert events & {"ping", "other"}
