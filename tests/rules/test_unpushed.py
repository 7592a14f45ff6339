"""Builds that no push asked for are kept as deliveries: which of them are the same, and what they say."""

from dataclasses import replace

import pytest

from bridge.model.event import Ignored, PushEvent
from bridge.rules.manual import ManualPush
from bridge.rules.scheduled import ScheduledPush

SHA = "c" * 40
URL = "https://git.example.com/acme/shop.git"
ASKED = ManualPush(
    namespace="acme",
    repo_name="shop",
    full_name="Acme/shop-web",
    clone_url=URL,
    ref_kind="tag",
    ref_name="v1",
    sha=SHA,
    by="ann",
)
DUE = ScheduledPush(
    name="acme/shop 0",
    due="2026-11-21T03:00:00+00:00",
    namespace="acme",
    repo_name="shop",
    full_name="Acme/shop-web",
    branch="main",
    clone_url=URL,
    sha=SHA,
)


def test_who_asks_twice_gets_two_builds() -> None:
    first, second = ASKED.delivery(1.0), ASKED.delivery(1.0)
    assert first.key != second.key
    assert ManualPush.read(first) == ManualPush.read(second) == ASKED


@pytest.mark.parametrize(("kind", "event"), [("branch", "push"), ("tag", "tag")])
def test_what_was_asked_for_is_pushed_by_who_asked(kind: str, event: str) -> None:
    push = replace(ASKED, ref_kind="tag" if kind == "tag" else "branch").event()
    assert (push.event, push.ref.kind, push.ref.name, push.sha) == (event, kind, "v1", SHA)
    assert (push.author, push.repo.full_name, push.repo.clone_url) == ("ann", "Acme/shop-web", URL)


def test_a_schedule_asks_once_for_each_time_it_is_due() -> None:
    again, later, other = DUE, replace(DUE, due="2026-11-22T03:00:00+00:00"), replace(DUE, name="acme/shop 1")
    keys = [push.delivery(1.0).key for push in (DUE, again, later, other)]
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert ScheduledPush.read(DUE.delivery(1.0)) == DUE


def test_a_schedule_builds_the_commit_that_is_known() -> None:
    push = DUE.event()
    assert isinstance(push, PushEvent)
    assert (push.event, push.ref.full, push.sha, push.repo.clone_url) == ("push", "refs/heads/main", SHA, URL)


@pytest.mark.parametrize("unknown", ["sha", "clone_url"])
def test_a_schedule_whose_code_no_one_knows_yet_builds_nothing_and_says_so(unknown: str) -> None:
    event = (replace(DUE, sha=None) if unknown == "sha" else replace(DUE, clone_url=None)).event()
    assert isinstance(event, Ignored)
    assert "no push has reported the commit of main yet" in event.reason
