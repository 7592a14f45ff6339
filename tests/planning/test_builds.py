"""What a plan says of single cases that random histories seldom meet."""

from dataclasses import replace

import pytest
from support.histories import History, Kind
from support.planned import Memory

from bridge.model.build import BuildState
from bridge.model.plan import Create, Known
from bridge.planning.builds import plan


@pytest.fixture
def history() -> History:
    """A branch of a repository with one moving tag, whose newer pushes end nothing."""
    one = History(0, Kind(), Memory())
    one.on_newer, one.has_commit_tags, one.contexts = "queue", False, ("/",)
    return one


def test_the_link_that_a_wanted_redelivery_brings_does_not_end_its_build(history: History) -> None:
    store = Memory()
    for at, (before, after) in enumerate([("b", "c"), ("", "a")]):
        store.decide(history.push("z", before, after), at)
        store.move(at + 1, BuildState.TRIGGERING, at)
        store.move(at + 1, BuildState.SUCCEEDED, at)
    store.decide(replace(history.push("z", "a", "b"), asked=True), 2.0)
    assert [(build.pushed, build.state) for build in store.snapshot().builds] == [
        ("c", BuildState.SUCCEEDED),
        ("a", BuildState.SUCCEEDED),
        ("b", BuildState.WAITING),
    ]


def test_two_pushes_of_one_ref_in_one_delivery_make_one_build(history: History) -> None:
    one, two = history.push("z", "", "a"), history.push("z", "a", "b")
    wanted = [*one.wanted, *two.wanted]
    made = plan(Known(delivery_id="both", now=0.0), [*one.moves, *two.moves], wanted)
    assert made.actions == [Create(wanted[0], 1)]


def test_a_delivery_does_not_end_the_build_that_it_makes(history: History) -> None:
    history.on_newer = "skip_waiting"
    one = history.push("z", "", "a")
    made = plan(Known(delivery_id=one.id, now=0.0), one.moves, one.wanted)
    assert made.actions == [Create(one.wanted[0], 1)]


def test_builds_of_one_delivery_tell_their_names_apart_and_count_on(history: History) -> None:
    wanted = [*history.push("x/y", "", "a").wanted, *history.push("x-y", "", "b").wanted]
    made = plan(Known(delivery_id="both", now=0.0), [], wanted)
    numbers = [action.number for action in made.actions if isinstance(action, Create)]
    tags = [action.new.tags for action in made.actions if isinstance(action, Create)]
    assert numbers == [1, 2]
    assert tags[0] == ("x-y",)
    assert tags[1][0].startswith("x-y-")
    assert made.names == {("acme", "r0", "x-y"): "x/y"}
