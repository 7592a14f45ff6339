from collections.abc import Iterator

import pytest
from support.fake_alauda import FakeAlauda, fake_alauda


@pytest.fixture
def alauda() -> Iterator[FakeAlauda]:
    with fake_alauda() as server:
        yield server
