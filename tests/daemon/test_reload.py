"""A daemon whose rules change again and again while deliveries come in."""

import asyncio
import json
import signal
import time
from pathlib import Path
from typing import Any

import httpx
from support.daemon import SECRET, TOKEN, Daemon, eventually, running
from support.rules import shop_rule
from support.sending import push_body, signed

URL = "https://git.example.com/shop.git"
RELOADS = 50
RATE = 200
CONFIG: dict[str, Any] = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "builders": {"here": {"kind": "local", "command": ["true"]}},
}


def write(daemon: Daemon, number: int, *, good: bool) -> None:
    """A set of rules that tells by its branch which one it is; none of them matches `main`."""
    folder = daemon.folder / "rules"
    branch = f"{'good' if good else 'faulty'}-{number}"
    (folder / "other.yaml").write_text("namespace: [" if not good else "")
    (folder / "shop.yaml.new").write_text(shop_rule(URL, branch))
    (folder / "shop.yaml.new").replace(folder / "shop.yaml")


def answers(daemon: Daemon) -> int:
    """How many reloads have been answered in the log."""
    return sum(line["event"].startswith("rules.") for line in daemon.lines())


async def deliver(daemon: Daemon, stop: asyncio.Event) -> list[str]:
    """Deliveries, 200 a second, until `stop`; the ids of their receipts."""
    ids: list[str] = []

    async def post(client: httpx.AsyncClient, number: int) -> None:
        body = push_body(URL)
        answer = await client.post(
            f"{daemon.url}/hooks/plain", content=body, headers=signed(body, f"msg-{number}")
        )
        assert answer.status_code == 202, answer.text
        ids.append(answer.json()["id"])

    limits = httpx.Limits(max_connections=20)
    async with httpx.AsyncClient(timeout=30, limits=limits) as client, asyncio.TaskGroup() as posts:
        begun, number = time.monotonic(), 0
        while not stop.is_set():
            posts.create_task(post(client, number))
            number += 1
            await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))  # the rate of the sender
    return ids


async def reload_often(daemon: Daemon) -> None:
    for number in range(RELOADS):
        write(daemon, number, good=number % 2 == 0)
        seen = answers(daemon)
        assert daemon.process is not None
        daemon.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(eventually, lambda seen=seen: answers(daemon) > seen)


def test_fifty_reloads_under_fire_lose_nothing_and_judge_by_good_sets_only(tmp_path: Path) -> None:
    async def story(daemon: Daemon) -> list[str]:
        stop = asyncio.Event()
        sender = asyncio.create_task(deliver(daemon, stop))
        await reload_often(daemon)
        stop.set()
        return await sender

    with running(tmp_path, CONFIG, {"shop.yaml": shop_rule(URL, "good-first")}) as daemon:
        ids = asyncio.run(story(daemon))
        eventually(
            lambda: (
                json.loads(daemon.command("deliveries", "list", "--state", "stored", "--json").stdout or "[]")
                == []
            )
        )
        decided = {
            line["delivery_id"]: line for line in daemon.lines() if line["event"] == "delivery.decided"
        }
        assert daemon.stop() == 0
    assert len(ids) == len(set(ids)) > RATE / 4
    assert set(decided) == set(ids)
    whys = {line["reason"] for line in decided.values()}
    assert len(whys) > 5, "so that there were several sets at all"
    assert all("good-" in why and "faulty" not in why for why in whys), whys


def test_the_api_reloads_and_says_what_is_wrong(tmp_path: Path) -> None:
    with running(tmp_path, CONFIG, {"shop.yaml": shop_rule(URL, "good-first")}) as daemon:
        trusted = {"authorization": f"Bearer {TOKEN}"}
        assert httpx.post(f"{daemon.url}/v1/reload").status_code == 401
        write(daemon, 1, good=True)
        done = httpx.post(f"{daemon.url}/v1/reload", headers=trusted)
        assert done.json()["data"]["counts"] == {"added": 0, "changed": 1, "forbidden": 0, "removed": 0}
        write(daemon, 2, good=False)
        refused = httpx.post(f"{daemon.url}/v1/reload", headers=trusted)
        assert refused.status_code == 422
        assert refused.json()["data"]["faults"][0].startswith(f"{tmp_path}/rules/other.yaml:")
        assert httpx.get(f"{daemon.url}/healthz").json() == {"status": "degraded", "down": ["rules"]}


def test_a_change_on_disk_is_taken_without_a_word(tmp_path: Path) -> None:
    with running(tmp_path, CONFIG, {"shop.yaml": shop_rule(URL, "good-first")}) as daemon:
        write(daemon, 7, good=True)
        eventually(lambda: daemon.said("rules.reloaded", repositories=1))


def test_a_start_with_good_rules_ends_what_was_said_of_faulty_ones(tmp_path: Path) -> None:
    def notices() -> list[tuple[str, str]]:
        listed = daemon.command("notices", "list", "--json").documents
        return [(one["event"], one["about"]) for one in listed if one["event"].startswith("service")]

    with running(tmp_path, CONFIG, {"shop.yaml": shop_rule(URL, "good-first")}) as daemon:
        write(daemon, 1, good=False)
        eventually(notices)
        daemon.kill()
        write(daemon, 2, good=True)
        for _ in range(2):  # the next start adds no notice
            daemon.start()
            assert daemon.stop() == 0
        restored, degraded = notices()
    assert restored == ("serviceRestored", "rules: the rules on disk are good again, and in force")
    assert degraded[0] == "serviceDegraded"
