"""Who wrote the commit that was pushed: its author, its committer, and those whom the message names."""

import json
from typing import Any

import pytest
from support.deliveries import HOSTS

from bridge.forges.push import MAX_CO_AUTHORS, co_authors
from bridge.forges.request import Request
from bridge.model.event import Person, PushEvent

SHA, BEFORE = "c" * 40, "b" * 40
ANN, BOB = ({"name": name, "email": f"{name}@x.example"} for name in ("Ann", "Bob"))
MESSAGE = "Change it\n\nWhy.\n\nCo-authored-by: Eve <eve@x.example>\n"
PUSH: dict[str, Any] = {
    "ref": "refs/heads/main",
    "before": BEFORE,
    "after": SHA,
    "checkout_sha": SHA,
    "repository": {"full_name": "a/b", "path_with_namespace": "a/b"},
}
COMMIT = {"id": SHA, "message": MESSAGE, "author": ANN, "committer": BOB}
SERVER_COMMIT = COMMIT | {
    key: {"name": one["name"], "emailAddress": one["email"]}
    for key, one in (("author", ANN), ("committer", BOB))
}
BODIES: dict[str, tuple[dict[str, str], dict[str, Any]]] = {
    "github": ({"x-github-event": "push"}, PUSH | {"head_commit": COMMIT}),
    "gitlab": ({"x-gitlab-event": "Push Hook"}, PUSH | {"commits": [COMMIT]}),
    "gitee": ({"x-gitee-event": "Push Hook"}, PUSH | {"head_commit": COMMIT}),
    "gitea": ({"x-gitea-event": "push"}, PUSH | {"head_commit": COMMIT}),
    "coding": ({"x-coding-event": "push"}, PUSH | {"head_commit": COMMIT}),
    "simple": (
        {"webhook-id": "1"},
        {"type": "push", "data": PUSH | {"commit": COMMIT}},
    ),
    "harness": (
        {"x-harness-trigger": "branch_updated"},
        {
            "trigger": "branch_updated",
            "repo": {"path": "a/b"},
            "ref": {"name": "refs/heads/main"},
            "old_sha": BEFORE,
            "sha": SHA,
            "head_commit": {"sha": SHA, "message": MESSAGE}
            | {"author": {"identity": ANN}, "committer": {"identity": BOB}},
        },
    ),
    "bitbucket-server": (
        {"x-event-key": "repo:refs_changed"},
        {
            "repository": {"slug": "b", "project": {"key": "a"}},
            "changes": [{"ref": {"id": "refs/heads/main"}, "fromHash": BEFORE, "toHash": SHA}],
            "toCommit": SERVER_COMMIT,
        },
    ),
    "azure-devops": (
        {},
        {
            "eventType": "git.push",
            "resource": {
                "repository": {"name": "b", "project": {"name": "a"}},
                "refUpdates": [{"name": "refs/heads/main", "oldObjectId": BEFORE, "newObjectId": SHA}],
                "commits": [COMMIT | {"commitId": SHA, "comment": MESSAGE}],
            },
        },
    ),
}


@pytest.mark.parametrize("host", BODIES)
def test_a_push_names_author_committer_and_co_authors_of_its_commit(host: str) -> None:
    headers, body = BODIES[host]
    headers = {"content-type": "application/json"} | headers
    (event,) = HOSTS[host].parse(Request(headers, json.dumps(body).encode()))
    assert isinstance(event, PushEvent)
    assert event.commit is not None
    assert event.commit.author == Person("Ann", "Ann@x.example")
    assert event.commit.committer == Person("Bob", "Bob@x.example")
    assert event.commit.co_authors == (Person("Eve", "eve@x.example"),)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Change\n\nCo-Authored-By: Eve E <eve@x.example>", [Person("Eve E", "eve@x.example")]),
        ("Change\r\n\r\nco-authored-by:Eve<eve@x.example>\r\n", [Person("Eve", "eve@x.example")]),
        ("Change\n\nCo-authored-by: <eve@x.example>", [Person(None, "eve@x.example")]),
        ("One\n\nCo-authored-by: A <a@x>\n\nTwo\n\nCo-authored-by: A <a@x>", [Person("A", "a@x")]),
        ("Change\n\nThanks to Co-authored-by: Eve <eve@x.example>", []),
        ("Change\n\nCo-authored-by: @all", []),
        ("Change\n\nCo-authored-by: Eve <all>", []),
        ("Change\n\nCo-authored-by: Eve <eve@x.example> <!channel>", []),
        ("", []),
    ],
)
def test_co_authors_are_read_from_lines_of_their_own(message: str, expected: list[Person]) -> None:
    assert co_authors(message) == tuple(expected)


def test_of_many_co_authors_only_some_are_read_however_long_the_message_before() -> None:
    lines = [f"Co-authored-by: P{number} <p{number}@x.example>" for number in range(50)]
    found = co_authors("x\n" * 100_000 + "\n".join(lines))
    assert [one.name for one in found] == [f"P{number}" for number in range(MAX_CO_AUTHORS)]
