import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from hypothesis import settings
from support import engines
from support.examples import examples
from support.postgres import Server, serve_postgres
from support.scripted import Store, open_store
from support.selection import has_store, is_of_each_engine
from support.statements import share

# How long an example takes says how loaded the machine is.
settings.register_profile("untimed", deadline=None, max_examples=examples(100))
settings.load_profile("untimed")
# The same goes for an answer: what has to come in time is measured by its own test.
httpx._config.DEFAULT_TIMEOUT_CONFIG.read = 60.0

share()

if find_spec("sniffio") is None:
    # The HTTP client looks for it in all folders at each call.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

# Sentences are compared in English, whatever the person who runs the tests speaks.
for variable in ("LC_ALL", "LC_MESSAGES", "LANGUAGE"):
    os.environ.pop(variable, None)
os.environ["LANG"] = "C.UTF-8"

_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30


def _takes_folders(disk: Path) -> bool:
    """Whether the folders of all tests have room there, and their programs may run there."""
    return (
        disk.is_dir() and shutil.disk_usage(disk).free > _ROOM and not os.statvfs(disk).f_flag & os.ST_NOEXEC
    )


if _takes_folders(_MEMORY):
    # On a disk tests mostly wait until transactions are written, which shows nothing about them.
    tempfile.tempdir = str(_MEMORY)


def pytest_xdist_auto_num_workers() -> int:
    """More of them than processors: two fifths of the time tests wait for what other processes do."""
    return max(2, len(os.sched_getaffinity(0)) * 3 // 2)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine", choices=["sqlite", "postgres"], default="sqlite", help="where stores are kept"
    )


def pytest_configure(config: pytest.Config) -> None:
    """The server is of the controller, and ends with it; workers find its address in their environment."""
    if config.getoption("engine") == "postgres" and not hasattr(config, "workerinput"):
        ends = ExitStack()
        config.add_cleanup(ends.close)
        engines.use_server(ends.enter_context(serve_postgres()).url)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Another engine than the usual one is for what has a store, and is not about the ways of one engine."""
    if engines.postgres():
        kept = [item for item in items if is_of_each_engine(item)]
        config.hook.pytest_deselected(items=list({*items} - {*kept}))
        items[:] = kept


@pytest.fixture(scope="session")
def _postgres() -> Iterator[Server]:
    with serve_postgres() as server:
        yield server


@pytest.fixture
def postgres(_postgres: Server) -> Iterator[Server]:
    """A server of this worker, which a test may stop: it runs when the next one begins."""
    yield _postgres
    if not _postgres.runs:
        _postgres.start()


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(autouse=True)
def _databases(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if folder := request.node.funcargs.get("tmp_path"):
        engines.forget(folder)
        if engines.postgres() or not has_store(request.node):
            files = [] if request.node.get_closest_marker("sqlite") else list(folder.rglob("bridge.db"))
            assert not files, "it has a store that `support.engines` has not made"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    """An open store of its own, under a clock that stands until it is turned."""
    async with open_store(tmp_path / "store") as opened:
        yield opened
