from collections.abc import Iterator

import pytest
from support.fake_gitlab import FakeGitLab, fake_gitlab


@pytest.fixture
def server() -> Iterator[FakeGitLab]:
    with fake_gitlab() as opened:
        yield opened
