"""A daemon whose configuration changes again and again while deliveries come in.

`RELOADS` makes a longer run.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml
from support.daemon import NO_TLS, TOKEN, Daemon
from support.rules import shop_rule
from support.sending import push_body, signed
from support.waiting import eventually

RELOADS = int(os.environ.get("RELOADS", "12"))
RATE = 200
BUILT_EVERY = 50
"""One of so many deliveries is built."""
SEEN, BUILT = "https://git.example.com/shop.git", "https://git.example.com/docs.git"
GROWTH = 24 << 20
"""Bytes by which the memory may grow under such a load, whatever the number of reloads."""


def secret(number: int) -> str:
    return f"the-secret-number-{number}"


@dataclass
class Site:
    """The files of a daemon: one whole set after the other, of which every other one is faulty."""

    daemon: Daemon
    number: int = 0

    def __post_init__(self) -> None:
        self._always = yaml.safe_load(self.daemon.config.read_text())

    def write(self, number: int, fault: str = "") -> None:
        """The set of this number: only its branch, its builder and its channel are its own.

        Its two secrets are one of the set before and one of the set after, as while a secret is replaced.
        """
        folder = self.daemon.folder
        for one in (number, number + 1):
            (folder / f"secret-{one}").write_text(f"{secret(one)}\n")
        places = [{"file": f"secret-{one}"} for one in (number, number + 1)]
        chat = {"kind": "DING_TALK", "url": f"http://127.0.0.1:9/send?access_token={secret(number)}"}
        config = self._always | {
            "sources": {
                "plain": {"kind": "Simple", "secrets": places},
                f"more-{number}": {"kind": "Simple", "secrets": [dict(one) for one in places]},
            },
            "builders": {
                "here": {"kind": "dummy"},
                f"builder-{number}": {"kind": "dummy", "duration": "10ms"},
            },
            "channels": {f"team-{number}": {**chat, "allow_private": True}},
            "notices": {
                "default": [{"channel": f"team-{number}", "enabled_event_type_names": ["buildJobFail"]}]
            },
            "retention": {"builds": f"{number + 1}d"},
        }
        branch = f"{'faulty' if fault else 'good'}-{number}"
        if fault == "config":
            config["nonsense"] = 1
        if fault == "secret":
            config["api"] = {"tokens": [TOKEN], "keys": [{"file": "there-is-no-such-file"}]}
        self._put(self.daemon.config, yaml.safe_dump(config))
        self._put(folder / "rules" / "shop.yaml", shop_rule(SEEN, branch))
        builder = "nobody" if fault == "rules" else f"builder-{number}"
        docs = shop_rule(BUILT, "main", name="docs", builder=builder, tag="{short_sha}")
        self._put(folder / "rules" / "docs.yaml", docs)
        if not fault:
            self.number = number

    def bring_back(self) -> None:
        """The last set with the builders of all sets."""
        config = yaml.safe_load(self.daemon.config.read_text())
        for number in range(self.number + 1):
            config["builders"][f"builder-{number}"] = {"kind": "dummy", "duration": "10ms"}
        self._put(self.daemon.config, yaml.safe_dump(config))

    def _put(self, file: Path, text: str) -> None:
        new = file.with_suffix(".new")
        new.write_text(text)
        new.replace(file)


class Load:
    """Deliveries at a steady rate, each signed with the newest secret that is in force."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.secret = 1
        """The number of the one that is used."""
        self.open = Counter[int]()
        """How many requests that wait for their answer were signed with each."""
        self.ids: dict[str, bool] = {}
        """Those that were answered, and whether they are built."""
        self.slowest = 0.0
        self._connections = asyncio.Semaphore(20)

    async def run(self, stop: asyncio.Event) -> None:
        async with httpx.AsyncClient(timeout=30, verify=NO_TLS) as client, asyncio.TaskGroup() as posts:
            begun, number = time.monotonic(), 0
            while not stop.is_set():
                number += 1
                await self._connections.acquire()
                posts.create_task(self._post(client, number))
                await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))  # the sender's rate

    async def _post(self, client: httpx.AsyncClient, number: int) -> None:
        is_built = number % BUILT_EVERY == 0
        body = push_body(BUILT if is_built else SEEN, sha=f"{number:08x}{0:032x}")
        used = self.secret
        self.open[used] += 1
        begun = time.monotonic()
        headers = signed(body, f"msg-{number}", secret(used))
        answer = await client.post(f"{self._site.daemon.url}/hooks/plain", content=body, headers=headers)
        self.open[used] -= 1
        self._connections.release()
        assert answer.status_code == 202, answer.text
        self.slowest = max(self.slowest, time.monotonic() - begun)
        self.ids[answer.json()["id"]] = is_built


class Lines:
    """The lines of a daemon's log, each read once: to read all of them again and again slows its senders."""

    def __init__(self, daemon: Daemon) -> None:
        self._log = daemon.folder / "log-1"
        self._read = 0
        self.reloads = 0
        self.decided: dict[str, dict[str, Any]] = {}

    def read(self) -> None:
        """What is new."""
        with self._log.open("rb") as file:
            file.seek(self._read)
            whole, end, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(end)
        for line in whole.splitlines():
            if b'"rules.reloaded"' in line or b'"rules.rejected"' in line:
                self.reloads += 1
            elif b'"delivery.decided"' in line:
                found = json.loads(line)
                self.decided[found["delivery_id"]] = found

    def wait(self, condition: Callable[[], bool]) -> None:
        def look() -> bool:
            self.read()
            return condition()

        eventually(look, seconds=120)


def by_signal(daemon: Daemon, lines: Lines) -> None:
    lines.read()
    seen = lines.reloads
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    lines.wait(lambda: lines.reloads > seen)


def by_api(daemon: Daemon, _lines: Lines) -> None:
    trusted = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.post(f"{daemon.url}/v1/reload", headers=trusted, timeout=30, verify=NO_TLS)
    assert answer.status_code in {200, 422}, answer.text


def by_command(daemon: Daemon, _lines: Lines) -> None:
    assert daemon.command("reload").status in {0, 1}


WAYS = (by_signal, by_api, by_command)
FAULTS = ("", "config", "", "secret", "", "rules")


def resident(daemon: Daemon) -> int:
    """The bytes of memory that the daemon has."""
    assert daemon.process is not None
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) << 10


@contextmanager
def begun(folder: Path) -> Iterator[Site]:
    daemon = Daemon(folder, {}, {})
    site = Site(daemon)
    site.write(0)
    daemon.start()
    try:
        yield site
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.kill()


async def reload_often(site: Site, load: Load, lines: Lines) -> int:
    """All reloads; the bytes by which the memory has grown since some of them."""
    before = 0
    for number in range(RELOADS):
        fault = FAULTS[number % len(FAULTS)]
        site.write(site.number + 1, fault)
        await asyncio.to_thread(WAYS[number % len(WAYS)], site.daemon, lines)
        load.secret = site.number + 1
        # What was signed with an older one has been answered before that is no secret any more.
        while any(load.open[older] for older in range(load.secret)):  # noqa: ASYNC110  # of many requests
            await asyncio.sleep(0.001)
        if number == RELOADS // 4:
            before = resident(site.daemon)
    return resident(site.daemon) - before


def test_reloads_under_fire_lose_nothing_and_judge_by_good_sets_only(tmp_path: Path) -> None:
    async def story(site: Site, lines: Lines) -> tuple[Load, int]:
        load, stop = Load(site), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.run(stop))
            grown = await reload_often(site, load, lines)
            stop.set()
        return load, grown

    with begun(tmp_path) as site:
        daemon, lines, at = site.daemon, Lines(site.daemon), time.monotonic()
        load, grown = asyncio.run(story(site, lines))
        took = time.monotonic() - at
        lines.wait(lambda: set(load.ids) <= set(lines.decided))
        site.write(site.number)
        site.bring_back()
        by_api(daemon, lines)
        eventually(lambda: not daemon.builds(status="W") + daemon.builds(status="I"), seconds=120)
        assert daemon.stop() == 0
    sys.stdout.write(f"{RELOADS} reloads and {len(load.ids)} deliveries in {took:.1f} s, ")
    sys.stdout.write(f"the slowest answer after {load.slowest:.3f} s, {grown >> 10} KiB of memory more\n")
    decided = lines.decided
    assert len(load.ids) > RATE / 4
    assert set(decided) == set(load.ids), "none is lost, and none made up"
    whys = {decided[one]["reason"] for one, is_built in load.ids.items() if not is_built}
    assert len(whys) > RELOADS // 4, "so that there were several sets at all"
    assert all("good-" in why and "faulty" not in why for why in whys), whys
    assert {decided[one]["state"] for one, is_built in load.ids.items() if is_built} == {"dispatched"}
    assert grown < GROWTH
