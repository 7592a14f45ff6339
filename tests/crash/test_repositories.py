"""Changes by API and kill -9: what was answered is in force after the restart, with its notices, once."""

import json
import threading
from collections import Counter
from functools import partial
from pathlib import Path

import httpx
from support.daemon import NO_TLS, SECRET, TOKEN, Daemon
from support.engines import execute
from support.rules import shop_rule
from support.stored import document
from support.waiting import eventually

HEADERS = {"authorization": f"Bearer {TOKEN}"}
KILLS = 5
CONFIG = {
    "sources": {
        "plain": {"kind": "Simple", "secrets": [SECRET]},
        "gitee": {"kind": "Gitee", "secrets": [SECRET]},
    },
    "builders": {"here": {"kind": "local", "command": ["true"]}},
}


class Client(threading.Thread):
    """Makes repositories and deletes every second one, until the daemon is gone."""

    def __init__(self, daemon: Daemon, first: int) -> None:
        super().__init__()
        self.url, self.first = f"{daemon.url}/v1/repositories/acme", first
        self.made: set[str] = set()
        self.deleted: set[str] = set()
        self.in_doubt: set[str] = set()

    def has_made(self, count: int) -> bool:
        return len(self.made) >= count

    def run(self) -> None:
        number = self.first
        with httpx.Client(headers=HEADERS, timeout=10, verify=NO_TLS) as client:
            while True:
                number += 1
                name = f"r{number}"
                try:
                    self.in_doubt = {name}
                    assert client.post(self.url, json=document(name)).status_code == 201
                    self.made.add(name)
                    if number % 2:
                        assert client.delete(f"{self.url}/{name}").status_code == 200
                        self.deleted.add(name)
                except httpx.TransportError:
                    return


def reported(daemon: Daemon) -> Counter[str]:
    """How many messages say of each repository that it is deleted."""
    query = "SELECT facts FROM notice WHERE event = 'deleteJob' AND channel = 'message'"
    rows = execute(daemon.database, query)
    return Counter(json.loads(facts)["subject"].partition("/")[2] for (facts,) in rows)


def in_force(daemon: Daemon) -> set[str]:
    names: set[str] = set()
    page = "/v1/repositories?namespace=acme"
    while page:
        found = daemon.api(page)
        names |= {one["repo_name"] for one in found["results"]}
        page = found["next"]
    return names - {"shop"}


def test_what_was_answered_is_in_force_after_a_kill_and_was_reported_once(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, CONFIG, {"shop.yaml": shop_rule("https://git.example.com/shop.git")})
    made: set[str] = set()
    deleted: set[str] = set()
    doubtful: set[str] = set()
    ids: set[int] = set()
    try:
        for kill in range(KILLS):
            daemon.start()
            client = Client(daemon, kill * 1000)
            client.start()
            eventually(partial(client.has_made, 3 * kill + 1))
            daemon.kill()
            client.join(20)
            made |= client.made
            deleted |= client.deleted
            doubtful |= client.in_doubt
        daemon.start()
        found, gone = in_force(daemon), reported(daemon)
        assert made - deleted - doubtful <= found
        assert not deleted & found
        assert set(gone.values()) <= {1}
        for name in made - found:
            assert gone[name] == 1, "it is gone, and was reported"
        assert not found & set(gone), "what is in force was not reported as deleted"
        for name in found:
            config = daemon.api(f"/v1/repositories/acme/{name}")["build_config"]
            numbers = {one["id"] for one in config["tag_configs"]}
            assert not numbers & ids
            ids |= numbers
    finally:
        daemon.kill()
