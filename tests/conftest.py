from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import settings
from support.scripted import Store, open_store

# How long an example takes says how loaded the machine is.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An open store of its own, under a clock that stands until it is turned."""
    async with open_store(tmp_path / "store") as opened:
        yield opened
