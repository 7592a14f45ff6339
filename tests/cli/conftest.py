from pathlib import Path

import pytest
from support.daemon import Daemon
from support.records import unserved


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A configuration with an empty store; nothing serves it."""
    return unserved(tmp_path, "https://git.example.com/shop.git")
