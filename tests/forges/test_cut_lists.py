"""A list of changed files that may be cut is never taken for all of them: a filter would lose a build."""

import json
from typing import Any

import pytest
from support.deliveries import HOSTS

from bridge.forges.request import Request
from bridge.model.event import PushEvent
from bridge.rules.paths import unknown_files

SHA = "c" * 40
EVENT = {
    "coding": "x-coding-event",
    "forgejo": "x-forgejo-event",
    "gitea": "x-gitea-event",
    "gitee": "x-gitee-event",
    "gogs": "x-gogs-event",
    "harness": "x-harness-trigger",
    "simple": "webhook-id",
}
GOGS = ("gogs", "gitea", "forgejo")


def read(host: str, commits: int = 1, **more: Any) -> PushEvent:
    """A push of so many commits, in the words of all these hosts at once."""
    listed = [
        {"id": f"{number:040x}", "added": [str(number)], "modified": [], "removed": []}
        for number in range(commits)
    ]
    push = {
        "ref": "refs/heads/main",
        "before": "b" * 40,
        "after": SHA,
        "repository": {"full_name": "a/b", "path_with_namespace": "a/b"},
        "commits": listed,
    }
    gitness = {
        "trigger": "branch_updated",
        "ref": {"name": "refs/heads/main"},
        "old_sha": "b" * 40,
        "sha": SHA,
        "repo": {"path": "a/b"},
    }
    simple = {"type": "push", "data": push | {"changed": [str(number) for number in range(commits)]} | more}
    document = push | {"harness": gitness | {"commits": listed}, "simple": simple}.get(host, {}) | more
    (event,) = HOSTS[host].parse(
        Request({EVENT[host]: "Push Hook" if host == "gitee" else "push"}, json.dumps(document).encode())
    )
    assert isinstance(event, PushEvent)
    assert event.changed == tuple(str(number) for number in range(min(commits, 10_000)))
    return event


@pytest.mark.parametrize("host", GOGS)
def test_as_many_as_the_lowest_usual_limit_may_be_cut_where_the_total_is_not_given(host: str) -> None:
    assert not read(host, 4).truncated
    assert read(host, 5).truncated


@pytest.mark.parametrize(
    ("host", "total"),
    [
        *((host, "total_commits") for host in GOGS),
        ("gitee", "total_commits_count"),
        ("harness", "total_commits_count"),
    ],
)
def test_a_total_says_whether_the_list_is_all(host: str, total: str) -> None:
    assert not read(host, 6, **{total: 6}).truncated
    assert read(host, 6, **{total: 7}).truncated


def test_gitee_may_say_that_there_are_more_than_ten() -> None:
    assert not read("gitee", 10, commits_more_than_ten=False).truncated
    assert read("gitee", 10, commits_more_than_ten=True).truncated


def test_a_list_of_harness_without_a_total_and_any_of_coding_may_be_cut() -> None:
    assert read("harness").truncated
    assert read("coding").truncated


def test_who_writes_to_simple_says_it_or_lists_too_many() -> None:
    assert not read("simple", 10_000).truncated
    assert read("simple", truncated=True).truncated
    assert read("simple", 10_001).truncated


@pytest.mark.parametrize("host", ["gitea", "coding"])
def test_the_commit_that_describes_the_push_is_the_pushed_one_wherever_it_is_listed(host: str) -> None:
    older = {"id": "a" * 40, "message": "[skip ci]"}
    for commits in ([older, {"id": SHA, "message": "new"}], [{"id": SHA, "message": "new"}, older]):
        event = HOSTS[host].parse(
            Request(
                {EVENT[host]: "push"},
                json.dumps(
                    {
                        "ref": "refs/heads/main",
                        "before": "b" * 40,
                        "after": SHA,
                        "commits": commits,
                        "repository": {"full_name": "a/b"},
                    }
                ).encode(),
            ),
        )[0]
        assert isinstance(event, PushEvent)
        assert event.commit is not None
        assert event.commit.message == "new"


@pytest.mark.parametrize("host", ["gitlab", "codeup", "gitcode", "gitee", *GOGS])
def test_a_reset_to_an_older_commit_lists_nothing_and_is_not_taken_for_no_change(host: str) -> None:
    push = {
        "ref": "refs/heads/main",
        "before": "b" * 40,
        "after": SHA,
        "project": {"path_with_namespace": "a/b"},
        "repository": {"full_name": "a/b", "path_with_namespace": "a/b"},
        "commits": [],
        "total_commits": 0,
        "total_commits_count": 0,
    }
    name = EVENT.get(host, f"x-{host}-event")
    request = Request({name: "push" if host in GOGS else "Push Hook"}, json.dumps(push).encode())
    (event,) = HOSTS[host].parse(request)
    assert isinstance(event, PushEvent)
    assert unknown_files(event.changed, truncated=event.truncated)
