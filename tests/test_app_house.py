"""What the daemon finds in its store at the start, it keeps as long as it was told."""

import asyncio
from pathlib import Path

from support.daemon import SECRET, Daemon, eventually
from support.scripted import open_store

from bridge.model.build import BuildState
from bridge.rules.announce import Announcer

CONFIG = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "builders": {"here": {"kind": "local", "command": ["false"]}},
    "retention": {"deliveries": "1d", "builds": "36500d"},
}


async def fill(folder: Path) -> None:
    """Two builds that ended years ago, and their deliveries."""
    async with open_store(folder) as store:
        for key in "12":
            build = await store.add_build(key)
            await store.builds.move(build.id, BuildState.FAILED, Announcer(store.clock, None))


def test_deliveries_and_builds_are_kept_each_for_their_own_time(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, CONFIG, {})
    asyncio.run(fill(daemon.database.parent))
    daemon.start()
    try:
        eventually(lambda: daemon.said("pruned"))
        eventually(lambda: daemon.api("/v1/deliveries")["results"] == [])
        assert len(daemon.builds()) == 2
        assert daemon.stop() == 0
    finally:
        daemon.kill()
