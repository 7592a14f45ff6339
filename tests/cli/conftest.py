from collections.abc import Iterator
from pathlib import Path

import pytest
from support.connect_site import Site, site_of
from support.daemon import Daemon
from support.fake_hook_hosts import HOSTS
from support.records import unserved


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A configuration with an empty store; nothing serves it."""
    return unserved(tmp_path, "https://git.example.com/shop.git")


@pytest.fixture(params=HOSTS)
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """Each kind of host, where the repository has a webhook of others."""
    with site_of(tmp_path, request.param) as found:
        yield found


@pytest.fixture
def github(tmp_path: Path) -> Iterator[Site]:
    with site_of(tmp_path, "GitHub") as found:
        yield found
