"""Time that goes on evenly while the wall clock steps."""

from support.scripted import START, Clock

from bridge.runtime.clock import Pause, SteadyClock


def test_a_step_of_the_wall_clock_is_made_only_when_it_is_followed() -> None:
    wall, steady = Clock(), Clock(100.0)
    clock = SteadyClock(wall, steady)
    for step in (-3600.0, 86_400.0):
        before = clock()
        wall.advance(step + 1)
        steady.advance(1)
        assert (clock() - before, clock.behind) == (1, step)
        clock.follow(clock.behind)
        assert (clock(), clock.behind) == (wall(), 0)


def test_a_pause_ends_by_itself_or_when_the_clock_is_set_back() -> None:
    clock = Clock()
    pause = Pause(clock)
    assert pause.left == 0
    pause.begin(60)
    clock.advance(59)
    assert pause.left == 1
    clock.advance(1)
    assert pause.left == 0
    pause.begin(60)
    clock.advance(-3600)
    assert (pause.left, clock()) == (0, START + 60 - 3600)
