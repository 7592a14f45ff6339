"""Harness and Pagure repeat in the signed body what the event is: the header's word decides nothing."""

import json
from pathlib import Path

import pytest
from support.deliveries import SECRETS, samples

from bridge.errors import BadSignature
from bridge.forges.request import Request
from bridge.registry import FORGES

_SAMPLES = {str(sample): sample for sample in samples(Path(__file__).parent / "payloads")}


@pytest.mark.parametrize(
    ("name", "header", "claimed"),
    [
        ("harness/branch-deleted", "x-harness-trigger", "branch_updated"),
        ("harness/pull-request", "x-harness-trigger", "branch_updated"),
        ("pagure/branch-deletion", "x-pagure-topic", "git.branch.creation"),
        ("pagure/issue-new", "x-pagure-topic", "git.receive"),
        ("pagure/push-branch", "x-pagure-topic", "git.tag.creation"),
    ],
)
def test_a_header_that_says_something_else_changes_nothing(name: str, header: str, claimed: str) -> None:
    sample = _SAMPLES[f"{name}.headers"]
    read = sample.forge.parse(Request(sample.headers | {header: claimed}, sample.body))
    assert read == sample.forge.parse(Request(sample.headers, sample.body))


@pytest.mark.parametrize(
    ("name", "key"), [("harness/branch-updated", "trigger"), ("pagure/push-branch", "topic")]
)
def test_a_body_that_does_not_say_what_it_is_is_no_push(name: str, key: str) -> None:
    sample = _SAMPLES[f"{name}.headers"]
    document = json.loads(sample.body)
    del document[key]
    (event,) = sample.forge.parse(Request(sample.headers, json.dumps(document).encode()))
    assert event.event == "other"


def test_pagure_s_older_signature_does_not_stand_in_for_the_newer() -> None:
    sample = _SAMPLES["pagure/push-branch.headers"]
    headers = {key: value for key, value in sample.headers.items() if key != "x-pagure-signature-256"}
    with pytest.raises(BadSignature, match="missing"):
        FORGES["Pagure"].verify(Request(headers, sample.body), SECRETS, 0.0)
