"""What every forge promises, whatever it is sent."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from urllib.parse import quote

import pytest
from support.deliveries import CONTRACTS, HOSTS, SECRETS, Proof, Sample, samples, signatures
from support.each_host import of_each_host

from bridge.errors import BadSignature, NoSignature
from bridge.forges.forms import form_payload
from bridge.forges.request import Request
from bridge.model.delivery import DIGEST

_SAMPLES = {str(sample): sample for sample in samples(Path(__file__).parent / "payloads")}
MISSHAPEN = (
    "",
    " ",
    "sha256=",
    "sha1=",
    "v1,",
    "v1",
    ",",
    "\xff\xfe",
    "sha256=" + "\xe9" * 64,
    "\xe9" * 64,
    "v1,\xe9",
    "陶",
    "x" * 9999,
)
"""What is no proof of any host."""
NO_TIMES = ("", "0", "soon", "-1", "1e9", "1741061167.5", "9" * 400, "\xb2", "\u0661")
every_sample = of_each_host(list(_SAMPLES.values()))


def proof_of(sample: Sample) -> Proof:
    """The strongest proof that the sample holds."""
    proofs = CONTRACTS[sample.forge.host].proofs
    return next(proof for proof in proofs if proof.in_body or proof.name in sample.headers)


def claimed(sample: Sample) -> str:
    """What the sample holds for its proof."""
    proof = proof_of(sample)
    return SECRETS[0].decode() if proof.in_body else sample.headers[proof.name]


def accepts_proof(sample: Sample, value: str | None) -> bool:
    """Whether the forge lets the sample pass with this for a proof, or without one."""
    proof = proof_of(sample)
    if proof.in_body:
        body = sample.body.replace(proof.name.encode(), b"another") if value is None else sample.body
        wrong = quote(json.dumps(value)[1:-1]) if sample.is_form else json.dumps(value)[1:-1]
        return accepts(sample, body=body.replace(claimed(sample).encode(), wrong.encode()))
    return accepts(
        sample, headers=unproven(sample) if value is None else sample.headers | {proof.name: value}
    )


def unproven(sample: Sample) -> dict[str, str]:
    """The sample's headers without any that its forge checks."""
    names = {proof.name for proof in CONTRACTS[sample.forge.host].proofs}
    return {name: value for name, value in sample.headers.items() if name not in names}


def flips(text: str) -> Iterator[str]:
    """The text with one bit another, each in turn; of Basic authentication, the bits of the password."""
    if text.startswith("Basic "):
        user, _, password = base64.b64decode(text.removeprefix("Basic ")).partition(b":")
        for other in flips(password.decode("latin-1")):
            yield "Basic " + base64.b64encode(user + b":" + other.encode("latin-1")).decode()
        return
    for place, bit in product(range(len(text)), range(8)):
        yield text[:place] + chr(ord(text[place]) ^ 1 << bit) + text[place + 1 :]


def accepts(
    sample: Sample,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    secrets: Sequence[bytes] = SECRETS,
    later: float = 0,
) -> bool:
    """Whether the forge lets the sample pass; any other exception than BadSignature fails the test."""
    try:
        sample.forge.verify(
            Request(sample.headers if headers is None else headers, sample.body if body is None else body),
            secrets,
            sample.received_at + later,
        )
    except BadSignature:
        return False
    return True


@every_sample
def test_the_right_proof_is_accepted(sample: Sample) -> None:
    assert accepts(sample)


@every_sample
def test_any_of_several_secrets_may_have_been_used(sample: Sample) -> None:
    assert accepts(sample, secrets=[b"older", b"whsec_b2xkZXI=", *SECRETS, b"newer"])


@every_sample
def test_other_secrets_are_rejected(sample: Sample) -> None:
    assert not accepts(sample, secrets=[b"another", b"whsec_YW5vdGhlcg=="])
    assert not accepts(sample, secrets=[b"whsec_not base64!"])
    assert not accepts(sample, secrets=[])
    assert not accepts(sample, secrets=[b""])


@every_sample
def test_one_flipped_bit_in_any_byte_of_the_body_breaks_a_signature_of_the_body(sample: Sample) -> None:
    if not proof_of(sample).covers_body:
        return
    headers, body = sample.headers, bytearray(sample.body)
    for place in range(len(body)):
        body[place] ^= 1
        assert not accepts(sample, headers=headers, body=bytes(body)), place
        body[place] ^= 1
    assert accepts(sample, headers=headers, body=bytes(body))


@every_sample
def test_every_bit_of_a_short_body_counts_and_so_does_its_length(sample: Sample) -> None:
    if not proof_of(sample).covers_body:
        return
    body, name, value = b'{"ref":"refs/heads/\xc3\xa4"}', proof_of(sample).name, claimed(sample)
    made = [signatures(sample.headers, text) for text in (sample.body, form_payload(sample.body) or b"")]
    scheme = next(key for all_made in made for key, one in all_made.items() if one == value)
    headers = sample.headers | {"content-type": "application/json", name: ""}
    headers[name] = signatures(headers, body)[scheme]
    assert accepts(sample, headers=headers, body=body)
    for bit in range(8 * len(body)):
        flipped = (int.from_bytes(body) ^ 1 << bit).to_bytes(len(body))
        assert not accepts(sample, headers=headers, body=flipped), bit
    for other in (b"", body[:-1], body[1:], body + b"\n", b" " + body, b"\xef\xbb\xbf" + body, body * 2):
        assert not accepts(sample, headers=headers, body=other), other


@every_sample
def test_one_flipped_bit_in_any_character_of_the_proof_breaks_it(sample: Sample) -> None:
    proof, headers, body = proof_of(sample), sample.headers, sample.body
    for flipped in flips(claimed(sample)):
        if proof.in_body:
            assert not accepts_proof(sample, flipped), flipped
        else:
            assert not accepts(sample, headers=headers | {proof.name: flipped}, body=body), flipped


@every_sample
def test_one_flipped_bit_in_any_signed_header_breaks_the_signature(sample: Sample) -> None:
    headers, body = sample.headers, sample.body
    if claimed(sample).encode() in SECRETS:
        return
    for name in {"webhook-id", "webhook-timestamp", "x-gitee-timestamp"} & headers.keys():
        for flipped in flips(headers[name]):
            assert not accepts(sample, headers=headers | {name: flipped}, body=body), flipped


@every_sample
def test_the_right_signature_of_another_host_proves_nothing_here(sample: Sample) -> None:
    proof, contract = proof_of(sample), CONTRACTS[sample.forge.host]
    if proof.in_body:
        return
    headers, body, bare, right = sample.headers, sample.body, unproven(sample), {claimed(sample)}
    if sample.forge.host == "gitee":
        right.add(SECRETS[0].decode())  # no header says whether Gitee sends the password or a signature
    known = {one.name for others in CONTRACTS.values() for one in others.proofs if not one.in_body}
    others = known - {one.name for one in contract.proofs}
    for made in signatures(headers, body).values():
        assert made in right or not accepts(sample, headers=headers | {proof.name: made}, body=body), made
        for other in others:
            assert not accepts(sample, headers=bare | {other: made}, body=body), (other, made)


@every_sample
def test_a_proof_of_another_shape_is_rejected(sample: Sample) -> None:
    for value in MISSHAPEN:
        assert not accepts_proof(sample, value), value


@every_sample
def test_a_missing_or_cut_proof_is_rejected(sample: Sample) -> None:
    value = claimed(sample)
    assert not accepts_proof(sample, None)
    if not proof_of(sample).in_body:
        with pytest.raises(NoSignature):
            sample.forge.verify(Request(unproven(sample), sample.body), SECRETS, sample.received_at)
    for length in range(0, len(value), 7):
        assert not accepts_proof(sample, value[:length])
    assert not accepts_proof(sample, value + "0")


@every_sample
def test_a_proof_with_a_time_stamp_ages(sample: Sample) -> None:
    limit = proof_of(sample).tolerance
    if limit is None or claimed(sample).encode() in SECRETS:
        assert accepts(sample, later=10**9)
        return
    assert accepts(sample, later=limit - 1)
    assert accepts(sample, later=-limit + 1)
    assert not accepts(sample, later=limit + 1)
    assert not accepts(sample, later=-limit - 1)


@every_sample
def test_a_forged_time_stamp_is_rejected(sample: Sample) -> None:
    if claimed(sample).encode() in SECRETS:
        return
    stamps = {"webhook-timestamp", "x-gitee-timestamp"} & sample.headers.keys()
    for name, value in product(stamps, NO_TIMES):
        assert not accepts(sample, headers=sample.headers | {name: value}), value


@every_sample
def test_the_headers_of_another_host_are_rejected(sample: Sample) -> None:
    for forge in HOSTS.values():
        if forge.host != sample.forge.host:
            with pytest.raises(BadSignature):
                forge.verify(Request(sample.headers, sample.body), SECRETS, sample.received_at)


@pytest.mark.parametrize(
    ("host", "more"),
    [
        ("gitea/push-branch.headers", "x-forgejo-event"),
        ("gogs/push-branch.headers", "x-gitea-event"),
        ("github/push-branch.headers", "x-gogs-event"),
        ("gitlab/push-branch.headers", "x-event"),
        ("codearts/push-branch-create.headers", "x-gitcode-event"),
        ("tgit/push-branch.headers", "x-devcloud-event"),
        ("simple/push-branch.headers", "x-harness-trigger"),
        ("azure-devops/push-branch.headers", "x-github-event"),
    ],
)
def test_a_host_that_also_sends_the_headers_of_its_ancestor_is_rejected(host: str, more: str) -> None:
    sample = _SAMPLES[host]
    assert not accepts(sample, headers=sample.headers | {more: "push"})
    assert not sample.forge.recognises(Request(sample.headers | {more: "push"}, sample.body))


def test_a_wrong_signature_is_not_made_good_by_a_right_token() -> None:
    sample = _SAMPLES["gitlab/push-branch.headers"]
    signed = {"webhook-id": "1", "webhook-timestamp": "0", "webhook-signature": "v1,AAAA"}
    assert not accepts(sample, headers=sample.headers | signed)


def test_a_signing_key_is_no_token() -> None:
    sample = _SAMPLES["gitlab/push-branch.headers"]
    assert not accepts(sample, headers=sample.headers | {"x-gitlab-token": SECRETS[1].decode()})


def test_one_right_signature_among_several_is_enough() -> None:
    sample = _SAMPLES["simple/push-branch.headers"]
    right = sample.headers["webhook-signature"]
    assert accepts(sample, headers=sample.headers | {"webhook-signature": f"v1a,x v1,AAAA {right}"})
    many = "v1,AAAA " * 100
    assert not accepts(sample, headers=sample.headers | {"webhook-signature": many + right})


@every_sample
def test_a_source_without_a_secret_takes_nothing(sample: Sample) -> None:
    for secrets in ([], [b""], [*SECRETS, b""]):
        with pytest.raises(BadSignature):
            sample.forge.receive(
                id="1",
                source="here",
                request=Request(sample.headers, sample.body),
                secrets=secrets,
                now=sample.received_at,
            )


@every_sample
def test_the_delivery_id_is_the_host_s_or_a_digest(sample: Sample) -> None:
    found = sample.forge.delivery_id(Request(sample.headers, sample.body))
    match CONTRACTS[sample.forge.host].delivery_id:
        case "none":
            assert found is None
        case "digest":
            assert found is not None
            assert found.startswith(DIGEST), "several webhooks of one repository tell it under several ids"
        case "body":
            assert found is None or found.encode() in sample.body
        case "header" if proof_of(sample).in_body:
            assert found is None
        case "header":
            assert found in sample.headers.values()


def test_pagure_always_sends_an_id_and_azure_devops_the_event_s_or_none() -> None:
    for sample in _SAMPLES.values():
        found = sample.forge.delivery_id(Request(sample.headers, sample.body))
        match sample.forge.host:
            case "pagure":
                assert found is not None
            case "azure-devops":
                assert found in {None, json.loads(sample.body)["id"]}


def test_the_webhooks_of_one_gogs_repository_tell_the_same_once() -> None:
    first, again, new = (_SAMPLES[f"gogs/push-{name}.headers"] for name in ("branch", "form", "forced"))
    ids = [sample.forge.delivery_id(Request(sample.headers, sample.body)) for sample in (first, again, new)]
    assert ids[0] == ids[1]
    assert ids[0] != ids[2]
