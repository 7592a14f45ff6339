"""As many readers as a big team has, all with an open page, while the daemon starts again."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import orjson
from support.daemon import DUMMY, TOKEN, Daemon, running
from support.rules import shop_rule
from support.scripted import eventually as soon
from support.sending import push_body, send
from support.waiting import eventually

STREAMS = 200
URL = "https://git.example.com/shop.git"
TRUSTED = {"authorization": f"Bearer {TOKEN}"}


class Reader:
    """One stream, which comes back as browsers do; `seen` counts each event by its id."""

    def __init__(self) -> None:
        self.seen: Counter[int] = Counter()
        self.opened = 0

    async def follow(self, client: httpx.AsyncClient) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._stream(client)
            except httpx.TransportError:
                await anyio.sleep(0.2)

    async def _stream(self, client: httpx.AsyncClient) -> None:
        last = {"last-event-id": str(max(self.seen))} if self.seen else {}
        async with client.stream("GET", "/v1/events?after=0", headers=last) as answer:
            self.opened += 1
            number = 0
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    number = int(line[4:])
                elif line.startswith("data: "):
                    assert orjson.loads(line[6:])["seq"] == number
                    self.seen[number] += 1


def built(daemon: Daemon, number: int) -> None:
    """A push, until its build has ended."""
    send(daemon.url, push_body(URL, sha=f"{number:040x}"), f"push-{number}").raise_for_status()
    eventually(lambda: len(daemon.builds(state="succeeded")) == number)


async def test_two_hundred_streams_go_on_after_a_restart_and_see_every_change_once(tmp_path: Path) -> None:
    config: dict[str, Any] = {**DUMMY, "builders": {"here": {"kind": "dummy", "duration": "10ms"}}}
    with running(tmp_path, config, {"shop.yaml": shop_rule(URL)}) as daemon:
        limits = httpx.Limits(max_connections=STREAMS + 10)
        readers = [Reader() for _ in range(STREAMS)]
        options: dict[str, Any] = {"headers": TRUSTED, "limits": limits, "timeout": 30, "trust_env": False}
        async with (
            httpx.AsyncClient(base_url=daemon.url, **options) as client,
            anyio.create_task_group() as tasks,
        ):
            for reader in readers:
                tasks.start_soon(reader.follow, client)
            await soon(lambda: all(reader.opened for reader in readers), seconds=30)
            await anyio.to_thread.run_sync(built, daemon, 1)
            begun = time.monotonic()
            assert await anyio.to_thread.run_sync(daemon.stop) == 0
            # Far below the grace that requests in hand have.
            assert time.monotonic() - begun < 5
            await anyio.to_thread.run_sync(daemon.start)
            await anyio.to_thread.run_sync(built, daemon, 2)
            newest = daemon.newest_event()
            await soon(lambda: all(newest in reader.seen for reader in readers), seconds=30)
            tasks.cancel_scope.cancel()
        assert all(reader.opened >= 2 for reader in readers)
        assert {count for reader in readers for count in reader.seen.values()} == {1}
        seqs = sorted(readers[0].seen)
        assert seqs == list(range(seqs[0], seqs[-1] + 1)), "none is missing"
