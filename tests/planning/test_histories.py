"""Random histories of pushes, repeats, ends and restarts, planned without a store: what holds in all."""

import os
from collections import Counter, defaultdict
from functools import cache

import pytest
from support.histories import History, Kind
from support.planned import Memory, StoredBuild

from bridge.model.build import BuildState

COUNT = int(os.environ.get("HISTORIES", "150"))
"""Histories of each kind."""
BASE_SEED = int(os.environ.get("HISTORIES_SEED", "0"))
"""The seed of the first history; the others count on from it. A failure names the seed of its history."""
KINDS = {
    "pushes": Kind(),
    "resets": Kind(resets=True, late=False),
    "late resets": Kind(resets=True),
    "failures": Kind(resets=True, failures=True),
    "people": Kind(people=True, failures=True),
    "everything": Kind(resets=True, people=True, failures=True),
}
UNASKED = [name for name, kind in KINDS.items() if not kind.people]
"""Here no person asks for older code, so each moving tag ends at the newest."""


@cache
def played(kind: str) -> list[tuple[History, Memory]]:
    """Whole histories of a kind, and the store after each."""
    return [play(seed, KINDS[kind]) for seed in range(BASE_SEED, BASE_SEED + COUNT)]


def play(seed: int, kind: Kind) -> tuple[History, Memory]:
    history = History(seed, kind, Memory())
    for _ in history.run():
        pass
    assert isinstance(history.store, Memory)
    return history, history.store


def moving_tags(store: Memory) -> dict[tuple[str, str, str], set[str]]:
    """The moving tags that were ever written for each code, ref and context."""
    tags: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for build in store.builds.values():
        new = build.new
        moving = set(new.tags) - set(new.commit_tags)
        if moving:
            tags[new.code, new.ref, new.context] |= moving
    return tags


def last_sent(store: Memory) -> dict[tuple[str, str, str], StoredBuild]:
    """For each code, ref and context the last build that wrote a moving tag, or would have."""
    sent = [build for build in store.builds.values() if build.triggered]
    return {
        (build.new.code, build.new.ref, build.new.context): build
        for build in sent
        if set(build.new.tags) - set(build.new.commit_tags)
    }


@pytest.mark.parametrize("kind", UNASKED)
def test_a_moving_tag_ends_at_the_newest_code(kind: str) -> None:
    """No code that was pushed is newer than what was last sent to the builder for the tag.

    The tag holds that, or, where that build failed, the last that did not fail.
    """
    for history, store in played(kind):
        pushed = {new.pushed for delivery in history.delivered for new in delivery.wanted}
        tags = moving_tags(store)
        for name, last in last_sent(store).items():
            code, ref, _ = name
            (tag,) = tags[name]
            newer = store.chain(code, ref).newer(last.new.pushed) & pushed
            assert not newer, f"seed {history.seed}: {tag} ends at {last.new.pushed}"
            assert last.state is not BuildState.SUPERSEDED, f"seed {history.seed}: {tag}"
            if last.state is BuildState.SUCCEEDED:
                assert history.registry[tag] == last.new.pushed, f"seed {history.seed}: {tag}"
            else:
                assert KINDS[kind].failures, f"seed {history.seed}: {tag}"
        assert last_sent(store).keys() == tags.keys(), f"seed {history.seed}"


@pytest.mark.parametrize("kind", ["pushes", "resets"])
def test_where_nothing_was_lost_a_moving_tag_holds_the_last_that_was_pushed(kind: str) -> None:
    seen = 0
    for history, store in played(kind):
        for (_, ref, _), tags in moving_tags(store).items():
            last = history.last.get(ref.removeprefix("refs/heads/"))
            if last:
                (tag,) = tags
                assert history.registry[tag] == last, f"seed {history.seed}: {tag}"
                seen += 1
    assert seen > COUNT


@pytest.mark.parametrize("kind", KINDS)
def test_no_push_builds_twice_unless_its_ref_seems_to_have_gone_back(kind: str) -> None:
    repeated = 0
    for history, store in played(kind):
        reported = {delivery.id: place for place, delivery in enumerate(history.delivered)}
        asked = {delivery.id for delivery in history.delivered if delivery.asked}
        built: dict[tuple[str | None, ...], int] = {}
        for build in store.builds.values():
            delivery_id = build.new.origin.delivery_id
            if build.new.origin.cause != "push" or delivery_id in asked:
                continue
            here = reported[delivery_id]
            (move,) = history.delivered[here].moves
            push = (move.ref, build.new.context, move.before, move.after)
            if push in built:
                between = [one for other in history.delivered[built[push] + 1 : here] for one in other.moves]
                back = {one.ref for one in between if one.after == move.before}
                assert move.ref in back, f"seed {history.seed}: {delivery_id}"
            built[push] = here
        repeated += sum(delivery.id.endswith(" twice") for delivery in history.delivered)
    assert repeated > COUNT


@pytest.mark.parametrize("kind", KINDS)
def test_a_delivery_makes_one_build_of_a_tag_set_and_numbers_have_no_gaps(kind: str) -> None:
    for history, store in played(kind):
        made = Counter((build.new.origin.delivery_id, build.new.tag_set) for build in store.builds.values())
        assert set(made.values()) <= {1}, f"seed {history.seed}"
        assert list(store.builds) == list(range(1, len(store.builds) + 1)), f"seed {history.seed}"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_superseded_by_older_code(kind: str) -> None:
    for history, store in played(kind):
        assert not store.superseded_by_older, f"seed {history.seed}"


@pytest.mark.parametrize("kind", KINDS)
def test_two_names_never_share_a_tag(kind: str) -> None:
    for history, store in played(kind):
        holders = Counter(tag for tags in moving_tags(store).values() for tag in tags)
        assert set(holders.values()) <= {1}, f"seed {history.seed}: {holders.most_common(1)}"


@pytest.mark.parametrize("kind", KINDS)
def test_every_history_comes_to_an_end(kind: str) -> None:
    for history, store in played(kind):
        open_builds = [build.number for build in store.builds.values() if not build.state.terminal]
        assert not open_builds, f"seed {history.seed}"
