"""Which nodes are gone, as another one has heard: whatever befalls the database's clock, and that node."""

from bridge.model.node import LEASE_SECONDS, Node, Roll
from bridge.planning.silence import Silence

PAUSE = 5.0
DAY = 86_400.0


class Site:
    """One who looks, at a time by its own clock, and others who beat by that of the database."""

    def __init__(self, *names: str) -> None:
        self.silence = Silence()
        self.at = 1000.0
        self.ahead = 1_000_000.0
        self._beats = dict.fromkeys(("own", *names), self.at + self.ahead)

    def beat(self, *names: str) -> None:
        self._beats |= dict.fromkeys(("own", *names), self.at + self.ahead)

    def look(self) -> set[str]:
        nodes = [
            Node(
                id=name,
                home=name,
                name=name,
                version="1",
                pid=1,
                started_at=0,
                beat_at=at,
                offers=frozenset(),
                parts=frozenset(),
            )
            for name, at in self._beats.items()
        ]
        self.silence.look(Roll(at=self.at + self.ahead, nodes=nodes, duties=[]), self.at)
        gone = self.silence.gone("own")
        assert all(self._beats[name] == beat for name, beat in gone.items())
        return set(gone)

    def looks(self, seconds: float, *beating: str) -> float | None:
        """Look again and again for so long, while these beat; after how long the first was gone."""
        began = self.at
        while self.at < began + seconds:
            self.at += min(PAUSE, seconds)
            self.beat(*beating)
            if self.look():
                return self.at - began
        return None


def test_a_node_is_gone_a_lease_after_its_last_beat() -> None:
    site = Site("a", "b")
    site.look()
    site.at += 4
    site.beat("a", "b")
    site.at += 1
    assert site.look() == set()
    assert site.silence.left("own") == LEASE_SECONDS - 1
    assert site.looks(LEASE_SECONDS - PAUSE, "b") is None
    site.at += 4
    assert site.look() == set()
    site.at += 0.1
    assert site.look() == {"a"}
    site.beat("a")
    assert site.look() == set()


def test_who_comes_waits_some_beats_since_the_database_may_have_been_away() -> None:
    site = Site("a")
    site.at += 10 * DAY
    assert site.look() == set()
    assert site.silence.left("own") == LEASE_SECONDS / 2
    assert site.looks(2 * LEASE_SECONDS) == LEASE_SECONDS / 2 + PAUSE


def test_who_comes_counts_what_others_had_not_said_by_then() -> None:
    site = Site("a")
    site.at += 20
    assert site.look() == set()
    assert site.silence.left("own") == LEASE_SECONDS - 20
    site.at += 5
    site.beat("a")
    assert site.look() == set()
    assert site.looks(2 * LEASE_SECONDS) == LEASE_SECONDS + PAUSE


def test_time_in_which_it_did_not_look_does_not_count() -> None:
    site = Site("a")
    site.looks(10)
    site.at += 10 * LEASE_SECONDS
    assert site.look() == set(), "the first that reaches the database again"
    left = site.silence.left("own")
    assert left is not None
    assert left > LEASE_SECONDS / 2, "the others have that long to reach it, too"
    assert site.looks(2 * LEASE_SECONDS, "a") is None
    assert site.looks(2 * LEASE_SECONDS) == LEASE_SECONDS + PAUSE


def test_no_step_of_the_databases_clock_makes_a_node_gone_or_keeps_one() -> None:
    for step in (DAY, -DAY, 3.0, -3.0):
        site = Site("a")
        site.looks(20, "a")
        site.ahead += step
        assert site.look() == set()
        assert site.looks(5, "a") is None
        last = site.at
        site.ahead -= 2 * step
        site.looks(2 * LEASE_SECONDS)
        assert LEASE_SECONDS < site.at - last <= LEASE_SECONDS + PAUSE
