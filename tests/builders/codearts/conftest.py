from collections.abc import Iterator

import pytest
from support.fake_codearts import FakeCodeArts, fake_codearts


@pytest.fixture
def codearts() -> Iterator[FakeCodeArts]:
    with fake_codearts() as server:
        yield server
