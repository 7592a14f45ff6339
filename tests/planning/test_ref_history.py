"""Which of two pushes is the newer one: the chain says it, or nothing does."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.chain import Chain


@pytest.mark.parametrize(
    ("moves", "pushed", "newer"),
    [
        ("", "a", ""),
        ("-a", "a", ""),
        ("-a ab bc", "a", "bc"),
        ("-a ab bc", "b", "c"),
        ("-a ab bc", "c", ""),
        ("bc -a", "a", ""),
        ("bc -a", "b", "c"),
        ("ab ba", "a", ""),  # reset: it leads back
        ("ab ba ad", "b", "d"),
        ("ab bc ca", "b", ""),
        ("-a ab b- -a", "a", ""),  # removed, and made again from the same
        ("-a ab b- -x xy", "b", "xy"),
        ("ab b- -x xy", "b", "-xy"),
        ("ab ac", "a", "bc"),
        ("-a ab bc xy ya", "a", ""),  # x came in between, and nobody said so
        ("-a ab bc xy ya", "y", "a"),
        ("-a ab bc xy ya ad", "b", "c"),
        ("-a ab bc xy ya ad", "y", "ad"),
        ("-a ab xa", "a", ""),
        ("-a ab bc xb ba", "b", "a"),
        ("ab bc xy ya", "a", "bc"),  # late reports of how the ref came to a at first
        ("qp ab ba ac pa", "a", "c"),
    ],
)
def test_what_is_newer_is_reached_and_does_not_lead_back(moves: str, pushed: str, newer: str) -> None:
    chain = Chain((move[0], move[1]) for move in moves.split())
    assert chain.newer(pushed) == set(newer)


def test_the_newest_is_the_one_that_nothing_else_is_newer_than() -> None:
    chain = Chain(pairwise("abcdef"))
    assert chain.newest(["b", "d", "c"]) == "d"
    assert chain.newest([]) is None
    assert Chain([("a", "b"), ("a", "c")]).newest(["c", "b"]) == "c", "of two the first"


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde")), max_size=20))
def test_newer_is_an_order_whatever_the_moves_are(moves: list[tuple[str, str]]) -> None:
    chain = Chain(moves)
    newer = {name: chain.newer(name) for name in "abcde"}
    for one in "abcde":
        assert one not in newer[one]
        for other in newer[one]:
            assert one not in newer[other]
            assert newer[other] <= newer[one]
    assert chain.newest("abcde") is not None
