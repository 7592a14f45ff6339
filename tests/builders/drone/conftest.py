from collections.abc import Iterator

import pytest
from support.fake_drone import FAKES, FakeDrone, fake_drone


@pytest.fixture(params=FAKES)
def api(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def server(api: str) -> Iterator[FakeDrone]:
    with fake_drone(api) as opened:
        yield opened
