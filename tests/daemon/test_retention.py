"""What the daemon finds in its store at the start, it keeps as long as the configuration says."""

import asyncio
from pathlib import Path

import httpx
from support.daemon import NO_TLS, SECRET, TOKEN, Daemon
from support.scripted import open_store
from support.waiting import eventually

from bridge.model.build import BuildState
from bridge.planning.notice_policy import NoticePolicy

CONFIG = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "builders": {"here": {"kind": "local", "command": ["false"]}},
    "retention": {"deliveries": "1d", "builds": "36500d"},
}


async def fill(folder: Path) -> list[str]:
    """Two builds that ended years ago, and their deliveries; the ids of these."""
    ids = []
    async with open_store(folder) as store:
        for key in "12":
            build = await store.add_build(key)
            await store.builds.transition(build.id, BuildState.FAILED, NoticePolicy(store.clock))
            ids.append(build.origin.delivery_id)
    return ids


def test_deliveries_and_builds_are_kept_each_for_their_own_time(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, CONFIG, {})
    deliveries = asyncio.run(fill(daemon.database.parent))
    daemon.start()
    try:
        eventually(lambda: daemon.said("store.pruned"))
        trusted = {"authorization": f"Bearer {TOKEN}"}
        answers = [
            httpx.get(f"{daemon.url}/v1/deliveries/{one}", headers=trusted, verify=NO_TLS)
            for one in deliveries
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert len(daemon.builds()) == 2
        assert daemon.stop() == 0
    finally:
        daemon.kill()
