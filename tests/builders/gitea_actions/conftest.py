from collections.abc import Iterator

import pytest
from support.fake_gitea import FAKES, FakeForgejo, FakeGitea, fake_gitea


@pytest.fixture(params=FAKES)
def gitea(request: pytest.FixtureRequest) -> Iterator[FakeGitea]:
    """A server of each kind."""
    with fake_gitea(request.param) as server:
        yield server


@pytest.fixture
def forgejo() -> Iterator[FakeForgejo]:
    with fake_gitea("forgejo") as server:
        assert isinstance(server, FakeForgejo)
        yield server
