"""Which node does what: one node for each duty, while nodes come, go, or are late."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bridge.model.node import LEASE_SECONDS, RETURN_SECONDS, Duty, Node, Roll
from bridge.planning.duties import PATIENCE_SECONDS, SETTLE_SECONDS, Share, share

NOW = 10_000.0
DUTIES = frozenset(f"server:{number}" for number in range(200))


def node(name: str, offers: Collection[str] = DUTIES, *, beat: float = 1.0, age: float = 1000.0) -> Node:
    return Node(
        id=f"id-{name}",
        home=f"home-{name}",
        name=name,
        version="1.0",
        pid=1,
        started_at=NOW - age,
        beat_at=NOW - beat,
        offers=frozenset(offers),
        parts=frozenset(),
    )


def duty(name: str, of: Node | None, *, home: str | None = None, since: float = NOW - 500) -> Duty:
    return Duty(name=name, node=None if of is None else of.id, home=home, since=since)


def roll(*nodes: Node, duties: Collection[Duty] = ()) -> Roll:
    return Roll(at=NOW, nodes=nodes, duties=tuple(duties))


def shares(
    nodes: Collection[Node], duties: Collection[Duty] = (), bound: frozenset[str] = frozenset()
) -> Mapping[str, Share]:
    return {one.name: share(roll(*nodes, duties=duties), one.id, bound) for one in nodes}


def test_nodes_share_what_no_one_has() -> None:
    found = shares([node("a"), node("b"), node("c")])
    taken = Counter(name for one in found.values() for name in one.take)
    assert set(taken.values()) == {1}
    assert taken.keys() == DUTIES
    assert all(len(one.take) > len(DUTIES) / 6 for one in found.values())
    assert all(not one.give for one in found.values())


def test_each_takes_only_what_it_offers() -> None:
    found = shares([node("a", ["x", "y"]), node("b", ["y", "z"]), node("receives", [])])
    assert "x" in found["a"].take
    assert "z" in found["b"].take
    assert found["a"].take | found["b"].take == {"x", "y", "z"}
    assert not found["a"].take & found["b"].take
    assert not found["receives"].take


def test_one_that_comes_gets_its_share_of_the_others_and_they_keep_the_rest() -> None:
    a, b, new = node("a"), node("b"), node("new", age=SETTLE_SECONDS)
    had = [duty(name, one) for one in (a, b) for name in shares([a, b])[one.name].take]
    found = shares([a, b, new], had)
    given = found["a"].give | found["b"].give
    assert len(DUTIES) / 6 < len(given) < len(DUTIES) / 2
    assert not any(one.take for one in found.values()), "none is free yet"
    freed = [replace(one, node=None, since=NOW) if one.name in given else one for one in had]
    assert shares([a, b, new], freed)["new"].take == given
    assert not shares([a, b, new], freed)["a"].take


def test_one_that_came_just_now_gets_nothing_that_another_has() -> None:
    a, new = node("a"), node("new", age=SETTLE_SECONDS - 4)
    had = [duty(name, a) for name in DUTIES]
    found = shares([a, new], had)
    assert not found["a"].give
    assert not found["new"].take
    assert found["a"].seconds == 4


def test_what_a_late_node_has_goes_to_the_others_and_not_before() -> None:
    late, other = node("late", beat=LEASE_SECONDS + 20), node("other")
    now = roll(late, other, duties=[duty(name, late) for name in DUTIES])
    assert not share(now, other.id, frozenset()).take
    assert share(now.without({late.id}), other.id, frozenset()).take == DUTIES


def test_what_its_next_node_does_not_take_another_one_takes() -> None:
    """That one may stand still, too, and its lease has not ended yet."""
    a, b = node("a"), node("b")
    for_b = shares([a, b])["b"].take
    free = [duty(name, None, since=NOW - PATIENCE_SECONDS + 2) for name in DUTIES]
    found = shares([a, b], free)["a"]
    assert (found.take, found.seconds) == (DUTIES - for_b, 2)
    free = [replace(one, since=NOW - PATIENCE_SECONDS) for one in free]
    assert shares([a, b], free)["a"].take == DUTIES
    b = replace(b, beat_at=NOW - 20)
    taken = [duty(name, a, since=NOW - 10) for name in DUTIES]
    assert not shares([a, b], taken)["a"].give, "it has not been heard of since"
    b = replace(b, beat_at=NOW - 9)
    assert shares([a, b], taken)["a"].give == for_b


def test_what_a_node_no_longer_offers_it_gives_up() -> None:
    found = shares([node("a", ["x"])], [duty("x", node("a")), duty("y", node("a"))])
    assert found["a"].give == {"y"}


def test_what_is_bound_stays_on_its_machine() -> None:
    a, b = node("a", ["local"]), node("b", ["local"])
    for holder in (a, b):
        had = [duty("local", holder, home=holder.home)]
        found = shares([a, b], had, frozenset({"local"}))
        assert not any(one.give or one.take for one in found.values()), "even if another is to have it"


def test_the_machine_of_what_is_bound_is_waited_for() -> None:
    bound = frozenset({"local"})
    b, away = node("b", ["local"]), duty("local", None, home="home-a", since=NOW - RETURN_SECONDS + 7)
    found = share(roll(b, duties=[away]), b.id, bound)
    assert (found.take, found.seconds) == (frozenset(), 7)
    back = node("a", ["local"], age=1)
    assert share(roll(back, b, duties=[away]), back.id, bound).take == {"local"}
    assert not share(roll(back, b, duties=[away]), b.id, bound).take
    long_ago = replace(away, since=NOW - RETURN_SECONDS)
    assert share(roll(b, duties=[long_ago]), b.id, bound).take == bound
    held = replace(long_ago, node="id-a")
    assert not share(roll(b, duties=[held]), b.id, bound).take, "it is gone just now, whenever it took it"
    changed = node("a", [], age=1)
    assert share(roll(changed, b, duties=[long_ago]), b.id, bound).take == bound, "it has no such builder now"


@given(st.data())
def test_no_duty_is_for_two_and_each_finds_someone(data: st.DataObject) -> None:
    names = [f"d{number}" for number in range(6)]
    some = st.sets(st.sampled_from(names))
    beats = st.sampled_from([0.0, LEASE_SECONDS + 1])
    nodes = [node(name, data.draw(some), beat=data.draw(beats)) for name in "abcd"]
    bound = frozenset(data.draw(some))
    there = [one for one in nodes if one.beat_at == NOW]
    homes = st.sampled_from([None, *(one.home for one in nodes)])
    had = [
        duty(
            name,
            data.draw(st.sampled_from([None, *(there if name in bound else nodes)])),
            home=data.draw(homes),
            since=NOW - RETURN_SECONDS if name in bound else NOW,
        )
        for name in data.draw(some)
    ]
    now = roll(*there, duties=had)
    alive = there
    found = {one.id: share(now, one.id, bound) for one in alive}
    held = {one.name for one in had if one.node in found}
    for name in names:
        takers = [one for one in alive if name in found[one.id].take]
        able = [one for one in alive if name in one.offers]
        assert len(takers) == (name not in held and bool(able))
        assert all(name in one.offers for one in takers)
