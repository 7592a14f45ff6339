"""The room that unfinished bodies share."""

import pytest

from bridge.web.body_buffer import BodyBuffer, BufferFull


def test_the_largest_body_gives_way_and_the_small_ones_pass() -> None:
    room = BodyBuffer(1000)
    large, small = room.begin(), room.begin()
    room.add(large, b"x" * 900)
    room.add(small, b"x" * 200)
    with pytest.raises(BufferFull):
        room.add(large, b"x")
    room.add(small, b"x" * 700)
    assert (large.whole(), small.whole()) == (b"", b"x" * 900)


def test_a_body_that_is_itself_the_largest_gives_way_at_once() -> None:
    room = BodyBuffer(1000)
    first, second = room.begin(), room.begin()
    room.add(first, b"x" * 600)
    with pytest.raises(BufferFull):
        room.add(second, b"x" * 700)
    room.add(first, b"x" * 400)


def test_the_room_of_a_body_that_ended_is_free_again() -> None:
    room = BodyBuffer(1000)
    for _ in range(5):
        body = room.begin()
        room.add(body, b"x" * 900)
        room.end(body)
        room.end(body)
    refused = room.begin()
    with pytest.raises(BufferFull):
        room.add(refused, b"x" * 1001)
    room.end(refused)
    room.add(room.begin(), b"x" * 1000)
