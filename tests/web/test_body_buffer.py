"""The memory that partial bodies share."""

import pytest

from bridge.web.body_buffer import BodyBuffer, BufferFull


def test_the_largest_body_is_evicted_and_the_small_ones_pass() -> None:
    buffer = BodyBuffer(1000)
    large, small = buffer.begin(), buffer.begin()
    buffer.add(large, b"x" * 900)
    buffer.add(small, b"x" * 200)
    with pytest.raises(BufferFull):
        buffer.add(large, b"x")
    buffer.add(small, b"x" * 700)
    assert (large.joined(), small.joined()) == (b"", b"x" * 900)


def test_a_body_that_is_itself_the_largest_is_evicted_at_once() -> None:
    buffer = BodyBuffer(1000)
    first, second = buffer.begin(), buffer.begin()
    buffer.add(first, b"x" * 600)
    with pytest.raises(BufferFull):
        buffer.add(second, b"x" * 700)
    buffer.add(first, b"x" * 400)


def test_the_memory_of_a_body_that_ended_is_free_again() -> None:
    buffer = BodyBuffer(1000)
    for _ in range(5):
        body = buffer.begin()
        buffer.add(body, b"x" * 900)
        buffer.end(body)
        buffer.end(body)
    rejected = buffer.begin()
    with pytest.raises(BufferFull):
        buffer.add(rejected, b"x" * 1001)
    buffer.end(rejected)
    buffer.add(buffer.begin(), b"x" * 1000)
