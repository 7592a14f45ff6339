from bridge.runtime.rate import MAX_KEYS, Buckets, LogLimit, Rate


def test_only_so_many_keys_are_remembered_and_those_in_use_for_longest() -> None:
    buckets = Buckets(Rate(1, 60.0))
    for key in ("idle", "busy"):
        assert buckets.take(key, 0.0) == 0.0
        assert buckets.take(key, 0.0) == 60.0
    for number in range(MAX_KEYS - 1):
        buckets.take(str(number), 0.0)
        assert buckets.take("busy", 0.0) == 60.0
    assert buckets.take("idle", 0.0) == 0.0, "it was forgotten"
    assert buckets.wait("nobody", 0.0) == 0.0


def test_tokens_come_back_evenly_and_never_more_than_the_count() -> None:
    buckets = Buckets(Rate(2, 10.0))
    assert [buckets.take("a", 0.0) for _ in range(3)] == [0.0, 0.0, 5.0]
    assert [buckets.take("a", 5.0) for _ in range(2)] == [0.0, 5.0]
    assert [bool(buckets.take("a", 10_000.0)) for _ in range(3)] == [False, False, True]


def test_lines_that_were_suppressed_are_counted_in_the_next_one() -> None:
    log_limit = LogLimit(Rate(2, 2.0), 0.0)
    assert [log_limit.suppressed(0.0) for _ in range(5)] == [0, 0, None, None, None]
    assert [log_limit.suppressed(1.0) for _ in range(2)] == [3, None]
    assert log_limit.suppressed(9.0) == 1
