"""The words of the model hold together."""

import pytest

from bridge.errors import BadSignature, ConfigError, Fault, PayloadTooLarge, Transient, UnknownSource
from bridge.model.build import RETRIED, TRANSITIONS, BuildRequest, BuildState
from bridge.model.event import Commit, Person, PushEvent, Ref, Repo

SHA = "0" * 40


def test_every_state_stands_in_the_table_and_can_be_reached() -> None:
    assert set(TRANSITIONS) == set(BuildState)
    reached = {BuildState.WAITING}
    while more := {to for state in reached for to in TRANSITIONS[state] if to != RETRIED} - reached:
        reached |= more
    assert reached == set(BuildState)


def test_an_end_is_an_end_but_the_unknown_may_be_resolved() -> None:
    leaving = {state for state in BuildState if state.terminal and TRANSITIONS[state] - {RETRIED}}
    assert leaving == {BuildState.UNKNOWN}
    assert {state for state in BuildState if RETRIED in TRANSITIONS[state]} == {
        state for state in BuildState if state.terminal
    }
    assert all(TRANSITIONS[state] for state in BuildState if not state.terminal)
    assert all(BuildState.UNKNOWN in TRANSITIONS[state] for state in BuildState if not state.terminal)


@pytest.mark.parametrize(
    ("state", "before"),
    [("waiting", {"triggering"}), ("triggering", {"waiting"}), ("queued", {"triggering", "unknown"})],
)
def test_no_build_goes_back_but_one_that_its_builder_does_not_have(state: str, before: set[str]) -> None:
    assert {one for one in BuildState if BuildState(state) in TRANSITIONS[one]} == before


@pytest.mark.parametrize(
    ("letter", "states"),
    [
        ("W", ["waiting", "triggering", "queued"]),
        ("I", ["running"]),
        ("S", ["succeeded"]),
        ("F", ["failed", "cancelled", "superseded", "unknown"]),
    ],
)
def test_states_have_letters(letter: str, states: list[str]) -> None:
    assert [state for state in BuildState if state.letter == letter] == states


def test_a_rule_cannot_replace_what_we_say_of_a_build() -> None:
    request = BuildRequest(
        build_id="id",
        number=1,
        namespace="a",
        repo_name="b",
        image="a/b",
        tags=("one", "two"),
        version_tag=None,
        repo_url="https://git.example.com/b.git",
        ref="refs/tags/v1",
        branch=None,
        tag="v1",
        commit=SHA,
        parameters={"COMMIT": "another", "MINE": "1"},
    )
    variables = request.variables()
    assert variables["COMMIT"] == SHA
    assert (variables["MINE"], variables["TAGS"], variables["BRANCH"]) == ("1", "one,two", "")
    assert (variables["VERSION_TAG"], variables["TAG"]) == ("", "v1")


def test_the_author_is_the_commits_where_the_host_says_it() -> None:
    push = {"event": "push", "repo": Repo(full_name="a/b"), "ref": Ref("branch", "x/y"), "sha": SHA}
    ann, bob = Person("Ann"), Person("Bob")
    both = PushEvent(**push, commit=Commit(sha=SHA, author=ann), pusher=bob)  # type: ignore[arg-type]
    pusher = PushEvent(**push, pusher=bob)  # type: ignore[arg-type]
    assert (both.author, pusher.author) == ("Ann", "Bob")
    assert both.ref.full == "refs/heads/x/y"
    assert Ref("tag", "v1").full == "refs/tags/v1"
    assert Commit(sha=SHA, message=" one \r\ntwo").subject == "one"


def test_a_tag_was_set_to_its_object_and_builds_the_commit_where_that_is_known() -> None:
    facts = {"event": "tag", "repo": Repo(full_name="a/b"), "ref": Ref("tag", "v1"), "sha": SHA}
    peeled = PushEvent(**facts, tag_object_sha="d" * 40)  # type: ignore[arg-type]
    unpeeled = PushEvent(**facts, peeled=False)  # type: ignore[arg-type]
    assert (peeled.pushed, peeled.commit_sha) == ("d" * 40, SHA)
    assert (unpeeled.pushed, unpeeled.commit_sha) == (SHA, None)


def test_errors_say_who_has_to_act() -> None:
    assert [error.status for error in (UnknownSource, BadSignature, PayloadTooLarge)] == [404, 401, 413]
    faults = [Fault("a.yaml:1:2", "x.y", "is wrong"), Fault("b.yaml", "", "is empty")]
    assert str(ConfigError(faults)) == "a.yaml:1:2: x.y: is wrong\nb.yaml: is empty"
    assert Transient("later", 3.0).after == 3.0
