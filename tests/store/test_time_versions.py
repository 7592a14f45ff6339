"""The time version of a build is a time of UTC, wherever the machine stands."""

import time
from collections.abc import Iterator

import pytest
from support.scripted import Store


@pytest.fixture
def east_of_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The process in a time zone that is hours ahead."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("east_of_utc")
async def test_builds_of_one_second_are_a_second_apart_in_any_time_zone(store: Store) -> None:
    builds = [await store.add_build(str(key), version_tagging=1) for key in range(3)]
    assert [build.request.version_tag for build in builds] == [
        "v20231114.221320",
        "v20231114.221321",
        "v20231114.221322",
    ]
