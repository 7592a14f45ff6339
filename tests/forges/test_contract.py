"""What every forge promises, whatever it is sent."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.deliveries import HOSTS, SECRETS, Sample, samples

from bridge.errors import BadDelivery, BadPayload, BadSignature, DeliveryError
from bridge.forges.base import Forge
from bridge.model.event import Ignored, PushEvent

_SAMPLES = {str(sample): sample for sample in samples(Path(__file__).parent / "payloads")}
_PROOFS = {
    "codearts": ("x-repo-token", "x-devcloud-token", "x-codehub-token", "x-gitlab-token", "x-auth-token"),
    "codeup": ("x-codeup-token",),
    "forgejo": ("x-forgejo-signature",),
    "gitcode": ("x-gitcode-signature-256", "x-gitcode-token"),
    "coding": ("x-coding-signature",),
    "gitea": ("x-gitea-signature",),
    "gitee": ("x-gitee-token",),
    "github": ("x-hub-signature-256",),
    "gitlab": ("webhook-signature", "x-gitlab-token"),
    "gogs": ("x-gogs-signature",),
    "harness": ("x-harness-signature",),
    "pagure": ("x-pagure-signature-256",),
    "simple": ("webhook-signature",),
    "tgit": ("x-token", "x-gitlab-token"),
}
"""The headers that each host's forge checks, the strongest first."""
_IN_BODY = "token"
"""The key of the body that is the proof where no header is: Coding, version 1."""
_TOKENS = {
    _IN_BODY,
    *_PROOFS["codearts"],
    *_PROOFS["codeup"],
    *_PROOFS["tgit"],
    "x-gitcode-token",
    "x-gitee-token",
    "x-gitlab-token",
}
"""Those that say nothing about the body."""
_NAMES = sorted({name for sample in _SAMPLES.values() for name in sample.headers})
_EVENT_NAMES = [name for name in _NAMES if name.endswith(("-event", "-topic", "-trigger"))]

every_sample = pytest.mark.parametrize("sample", _SAMPLES.values(), ids=_SAMPLES.keys())
every_forge = pytest.mark.parametrize("forge", HOSTS.values(), ids=HOSTS.keys())


def proof(sample: Sample) -> tuple[str, str]:
    """The header that the sample's forge checks, or the key of the body."""
    name = next((name for name in _PROOFS[sample.forge.host] if name in sample.headers), _IN_BODY)
    return name, sample.headers.get(name, SECRETS[0].decode())


def accepts_proof(sample: Sample, value: str | None) -> bool:
    """Whether the forge lets the sample pass with this for a proof, or without one."""
    name, right = proof(sample)
    if name == _IN_BODY:
        body = sample.body.replace(name.encode(), b"another") if value is None else sample.body
        wrong = quote(json.dumps(value)[1:-1]) if sample.is_form else json.dumps(value)[1:-1]
        return accepts(sample, body=body.replace(right.encode(), wrong.encode()))
    proofs = _PROOFS[sample.forge.host]
    rest = {key: v for key, v in sample.headers.items() if key not in proofs}
    return accepts(sample, headers=rest if value is None else sample.headers | {name: value})


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
            sample.headers if headers is None else headers,
            sample.body if body is None else body,
            secrets,
            sample.received_at + later,
        )
    except BadSignature:
        return False
    return True


def covers_body(sample: Sample) -> bool:
    return proof(sample)[0] not in _TOKENS


@every_sample
def test_the_right_proof_is_accepted(sample: Sample) -> None:
    assert accepts(sample)


@every_sample
def test_any_of_several_secrets_may_have_been_used(sample: Sample) -> None:
    assert accepts(sample, secrets=[b"older", b"whsec_b2xkZXI=", *SECRETS, b"newer"])


@every_sample
def test_other_secrets_are_refused(sample: Sample) -> None:
    assert not accepts(sample, secrets=[b"another", b"whsec_YW5vdGhlcg=="])
    assert not accepts(sample, secrets=[b"whsec_not base64!"])
    assert not accepts(sample, secrets=[])
    assert not accepts(sample, secrets=[b""])


@every_sample
def test_a_flipped_bit_in_the_body_breaks_a_signature_of_the_body(sample: Sample) -> None:
    if not covers_body(sample):
        return
    body = sample.body
    for place in range(0, len(body), max(1, len(body) // 40)):
        flipped = bytearray(body)
        flipped[place] ^= 1
        assert not accepts(sample, body=bytes(flipped)), place
    assert not accepts(sample, body=body + b" ")
    assert not accepts(sample, body=b"")


@every_sample
@pytest.mark.parametrize("place", [0, 1, -1])
def test_a_flipped_bit_in_the_proof_breaks_it(sample: Sample, place: int) -> None:
    characters = list(proof(sample)[1])
    characters[place] = chr(ord(characters[place]) ^ 1)
    assert not accepts_proof(sample, "".join(characters))


@every_sample
@pytest.mark.parametrize(
    "value",
    [
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
    ],
    ids=ascii,
)
def test_a_proof_of_another_shape_is_refused(sample: Sample, value: str) -> None:
    assert not accepts_proof(sample, value)


@every_sample
def test_a_missing_or_cut_proof_is_refused(sample: Sample) -> None:
    value = proof(sample)[1]
    assert not accepts_proof(sample, None)
    for length in range(0, len(value), 7):
        assert not accepts_proof(sample, value[:length])
    assert not accepts_proof(sample, value + "0")


@every_sample
def test_a_proof_with_a_time_stamp_ages(sample: Sample) -> None:
    limit = {"webhook-signature": 300, "x-gitee-token": 3600}.get(proof(sample)[0])
    if limit is None or proof(sample)[1].encode() in SECRETS:
        assert accepts(sample, later=10**9)
        return
    assert accepts(sample, later=limit - 1)
    assert accepts(sample, later=-limit + 1)
    assert not accepts(sample, later=limit + 1)
    assert not accepts(sample, later=-limit - 1)


@every_sample
@pytest.mark.parametrize(
    "value", ["", "0", "soon", "-1", "1e9", "1741061167.5", "9" * 400, "\xb2", "\u0661"], ids=ascii
)
def test_a_forged_time_stamp_is_refused(sample: Sample, value: str) -> None:
    for name in ("webhook-timestamp", "x-gitee-timestamp"):
        if name in sample.headers and proof(sample)[1].encode() not in SECRETS:
            assert not accepts(sample, headers=sample.headers | {name: value})


@every_sample
@every_forge
def test_the_headers_of_another_host_are_refused(sample: Sample, forge: Forge) -> None:
    if forge.host == sample.forge.host:
        return
    with pytest.raises(BadSignature):
        forge.verify(sample.headers, sample.body, SECRETS, sample.received_at)


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
    ],
)
def test_a_host_that_also_sends_the_headers_of_its_ancestor_is_refused(host: str, more: str) -> None:
    sample = _SAMPLES[host]
    assert not accepts(sample, headers=sample.headers | {more: "push"})
    assert not sample.forge.recognises(sample.headers | {more: "push"}, sample.body)


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
                headers=sample.headers,
                body=sample.body,
                secrets=secrets,
                now=sample.received_at,
            )


@every_sample
def test_the_delivery_id_is_the_host_s_or_a_digest(sample: Sample) -> None:
    found = sample.forge.delivery_id(sample.headers, sample.body)
    match sample.forge.host:
        case "codearts" | "codeup" | "gitee" | "harness" | "pagure" | "tgit":
            assert found is None
        case "gogs":
            assert found is not None
            assert found.startswith("payload:"), (
                "several webhooks of one repository tell it under several ids"
            )
        case "coding" if proof(sample)[0] == _IN_BODY:
            assert found is None
        case _:
            assert found in sample.headers.values()


def test_the_webhooks_of_one_gogs_repository_tell_the_same_once() -> None:
    told, again, new = (_SAMPLES[f"gogs/push-{name}.headers"] for name in ("branch", "form", "forced"))
    ids = [sample.forge.delivery_id(sample.headers, sample.body) for sample in (told, again, new)]
    assert ids[0] == ids[1]
    assert ids[0] != ids[2]


_headers = st.dictionaries(
    st.sampled_from(_NAMES),
    st.text(st.characters(max_codepoint=255))
    | st.sampled_from(["push", "ping", "Push Hook", "System Hook", "delete"]),
)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["refs/heads/x", "0" * 40]),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["ref", "after", "commits"]), inner)
    ),
    max_leaves=8,
)


def obeys(forge: Forge, headers: Mapping[str, str], body: bytes) -> None:
    """Whatever comes in, only events, Ignored and DeliveryErrors come out."""
    for work in (
        lambda: forge.verify(headers, body, SECRETS, 1.0),
        lambda: forge.event(headers, body),
        lambda: read(forge, headers, body),
    ):
        try:
            work()
        except DeliveryError as error:
            said = str(error)
        else:
            continue
        assert said
        assert not any(secret.decode() in said for secret in SECRETS)
    assert isinstance(forge.recognises(headers, body), bool)
    assert isinstance(forge.without_secrets(body, SECRETS), bytes)
    found = forge.delivery_id(headers, body)
    assert found is None or 0 < len(found) <= 255


def read(forge: Forge, headers: Mapping[str, str], body: bytes) -> None:
    events = forge.parse(headers, body)
    assert events
    for event in events:
        assert isinstance(event, PushEvent | Ignored)
        if isinstance(event, PushEvent):
            assert set(event.sha) - {"0"}
            assert event.ref.full.startswith("refs/")


@every_forge
@given(headers=_headers, body=st.binary() | _json.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_and_headers_give_events_or_a_refusal(
    forge: Forge, headers: dict[str, str], body: bytes
) -> None:
    obeys(forge, headers, body)


@given(sample=st.sampled_from(list(_SAMPLES.values())), data=st.data(), value=_json)
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_any_key_may_be_missing_or_of_another_type(
    sample: Sample, data: st.DataObject, value: object
) -> None:
    if sample.is_form:
        return
    document = json.loads(sample.body)
    part = document
    while True:
        key = data.draw(st.sampled_from(sorted(part)))
        if not (isinstance(part[key], dict) and part[key] and data.draw(st.booleans())):
            break
        part = part[key]
    if data.draw(st.booleans()):
        del part[key]
    else:
        part[key] = value
    obeys(sample.forge, sample.headers, json.dumps(document).encode())


@every_forge
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'{"a":"\xc3("}',
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"NaN",
    ],
    ids=["empty", "cut", "list", "null", "bytes", "not-utf-8", "deep-lists", "deep-objects", "nan"],
)
def test_a_body_that_is_no_json_object_is_told_in_a_sentence(forge: Forge, body: bytes) -> None:
    with pytest.raises(BadPayload, match="the body is"):
        forge.parse(dict.fromkeys(_EVENT_NAMES, "push"), body)


@pytest.mark.parametrize("forge", [forge for host, forge in HOSTS.items() if host != "simple"])
@pytest.mark.parametrize("value", [None, "", "x" * 200, "push\n", "\xe9"], ids=ascii)
def test_a_missing_or_odd_event_header_is_a_bad_request(forge: Forge, value: str | None) -> None:
    with pytest.raises(BadDelivery):
        forge.event({} if value is None else dict.fromkeys(_EVENT_NAMES, value), b"{}")
