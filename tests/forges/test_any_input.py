"""Whatever bytes come in, a forge answers with events or with one sentence."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.deliveries import CONTRACTS, HOSTS, SECRETS, Sample, samples
from support.examples import examples

from bridge.errors import BadDelivery, BadPayload, DeliveryError
from bridge.forges.base import Forge
from bridge.forges.request import Request
from bridge.model.event import Ignored, PushEvent

_SAMPLES = samples(Path(__file__).parent / "payloads")
_NAMES = sorted({name for sample in _SAMPLES for name in sample.headers})
_EVENT_NAMES = [name for name in _NAMES if name.endswith(("-event", "-event-key", "-topic", "-trigger"))]

_IN_HEADERS = [forge for host, forge in HOSTS.items() if not CONTRACTS[host].event_in_body]
"""The hosts that name the event in a header."""

every_forge = pytest.mark.parametrize("forge", HOSTS.values(), ids=HOSTS.keys())

_headers = st.dictionaries(
    st.sampled_from(_NAMES),
    st.text(st.characters(max_codepoint=255))
    | st.sampled_from(["push", "ping", "Push Hook", "System Hook", "delete", "repo:push"]),
)
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["refs/heads/x", "0" * 40]),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.text() | st.sampled_from(["ref", "after", "commits", "changes"]), inner)
    ),
    max_leaves=8,
)


def obeys(forge: Forge, headers: Mapping[str, str], body: bytes) -> None:
    """Whatever comes in, only events, Ignored and DeliveryErrors come out."""
    for work in (
        lambda: forge.verify(Request(headers, body), SECRETS, 1.0),
        lambda: forge.event(Request(headers, body)),
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
    assert isinstance(forge.recognises(Request(headers, body)), bool)
    assert isinstance(forge.without_secrets(Request({}, body), SECRETS), bytes)
    found = forge.delivery_id(Request(headers, body))
    assert found is None or 0 < len(found) <= 255


def read(forge: Forge, headers: Mapping[str, str], body: bytes) -> None:
    events = forge.parse(Request(headers, body))
    assert events
    for event in events:
        assert isinstance(event, PushEvent | Ignored)
        if isinstance(event, PushEvent):
            assert set(event.sha) - {"0"}
            assert event.ref.full.startswith("refs/")


@every_forge
@settings(deadline=None)
@given(headers=_headers, body=st.binary() | _json.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_and_headers_give_events_or_a_rejection(
    forge: Forge, headers: dict[str, str], body: bytes
) -> None:
    obeys(forge, headers, body)


@given(sample=st.sampled_from(_SAMPLES), data=st.data(), value=_json)
@settings(max_examples=examples(300), deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
def test_a_body_that_is_no_json_object_is_described_in_a_sentence(forge: Forge, body: bytes) -> None:
    with pytest.raises(BadPayload, match="the body is"):
        forge.parse(Request(dict.fromkeys(_EVENT_NAMES, "push"), body))


@pytest.mark.parametrize("forge", _IN_HEADERS)
@pytest.mark.parametrize("value", [None, "", "x" * 200, "push\n", "\xe9"], ids=ascii)
def test_a_missing_or_odd_event_header_is_a_bad_request(forge: Forge, value: str | None) -> None:
    with pytest.raises(BadDelivery):
        forge.event(Request({} if value is None else dict.fromkeys(_EVENT_NAMES, value), b"{}"))
