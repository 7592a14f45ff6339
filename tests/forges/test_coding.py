"""Coding's two versions of hooks: which one a delivery is of, and no request falls back from the second."""

import json
from pathlib import Path

import pytest
from support.deliveries import SECRETS, Sample, samples

from bridge.errors import BadSignature
from bridge.forges.request import Request
from bridge.registry import FORGES

_SAMPLES = {str(sample): sample for sample in samples(Path(__file__).parent / "payloads")}
OLD, NEW = (_SAMPLES[f"coding/{name}.headers"] for name in ("v1-push-branch", "push-branch"))


def refusal(sample: Sample, headers: dict[str, str] | None = None, body: bytes | None = None) -> str:
    with pytest.raises(BadSignature) as caught:
        FORGES["Coding"].verify(
            Request(headers or sample.headers, sample.body if body is None else body), SECRETS, 0.0
        )
    return str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-coding-signature": ""},
        {"x-coding-signature": "sha1="},
        {"x-coding-signature": "sha1=" + "0" * 40},
        {"x-coding-signature": SECRETS[0].decode()},
        {"x-coding-delivery": "1"},
        {"x-coding-webhook-version": "v2"},
        {"x-coding-webhook-version": "v3"},
        {"x-coding-webhook-version": ""},
    ],
)
def test_a_right_token_proves_nothing_under_the_headers_of_version_2(headers: dict[str, str]) -> None:
    assert "signature" in refusal(OLD, OLD.headers | headers)


def test_a_delivery_of_version_2_without_its_headers_lacks_a_token() -> None:
    headers = {name: value for name, value in NEW.headers.items() if name == "x-coding-event"}
    assert "the token is missing" in refusal(NEW, headers)


def test_the_header_may_name_version_1() -> None:
    FORGES["Coding"].verify(Request(OLD.headers | {"x-coding-webhook-version": "v1"}, OLD.body), SECRETS, 0.0)


@pytest.mark.parametrize("token", [None, True, 1, "", [SECRETS[0].decode()], {"token": SECRETS[0].decode()}])
def test_a_token_is_a_text_at_the_top_of_the_body(token: object) -> None:
    assert "the token is missing" in refusal(OLD, body=json.dumps({"token": token}).encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"token"', b"token=a-secret-for-tests", b"[" * 9999])
def test_a_body_that_cannot_be_read_has_no_token(body: bytes) -> None:
    assert "the token is missing" in refusal(OLD, body=body)


def test_a_large_body_is_not_read_before_anything_proves_its_sender() -> None:
    room = (1 << 20) - len(OLD.body)
    FORGES["Coding"].verify(Request(OLD.headers, OLD.body + b" " * room), SECRETS, 0.0)
    assert "over 1 MiB" in refusal(OLD, body=OLD.body + b" " * (room + 1))


def test_a_form_is_signed_as_it_is_sent() -> None:
    form = _SAMPLES["coding/push-form.headers"]
    decoded = NEW.headers["x-coding-signature"]
    assert decoded != form.headers["x-coding-signature"]
    refusal(form, form.headers | {"x-coding-signature": decoded})
