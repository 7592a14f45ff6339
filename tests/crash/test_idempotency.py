"""Orders with a key and kill -9: each is done, noted and answered once, however often it is sent."""

import threading
from pathlib import Path

import httpx
from support.daemon import NO_TLS, TOKEN, Daemon
from support.engines import execute
from support.rules import shop_rule
from support.waiting import eventually

KILLS = 3
CLIENTS = 8
"""So many that at each moment some order is on disk and not yet answered."""
CONFIG = {"sources": {}, "builders": {"here": {"kind": "dummy"}}}
ORDER = {"namespace": "acme", "repo_name": "shop", "tag": "latest", "code_commit_id": "c" * 40}


class Client(threading.Thread):
    """Orders builds, each with a key of its own, until the daemon is gone."""

    def __init__(self, daemon: Daemon, name: str) -> None:
        super().__init__()
        self.url, self.name = daemon.url, name
        self.answers: dict[str, bytes] = {}
        self.in_doubt = ""

    def has(self, count: int) -> bool:
        return len(self.answers) >= count

    def run(self) -> None:
        while True:
            self.in_doubt = f"{self.name}-{len(self.answers)}"
            try:
                self.answers[self.in_doubt] = order(self.url, self.in_doubt)
            except httpx.TransportError:
                return


def order(url: str, key: str) -> bytes:
    headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": key}
    answer = httpx.post(f"{url}/v1/builds", json=ORDER, headers=headers, timeout=20, verify=NO_TLS)
    assert answer.status_code == 201, answer.text
    return answer.content


def orders(daemon: Daemon) -> tuple[int, int]:
    """How many there are, and how many the audit trail has."""
    wanted = "delivery WHERE source = 'manual'", "audit WHERE action = 'build.triggered'"
    kept, noted = (execute(daemon.database, f"SELECT count(*) FROM {one}")[0][0] for one in wanted)
    return kept, noted


def test_each_order_is_done_once_however_often_it_is_sent(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, CONFIG, {"shop.yaml": shop_rule("https://git.example.com/acme/shop.git")})
    daemon.start()
    sent: set[str] = set()
    for number in range(KILLS):
        clients = [Client(daemon, f"{number}-{name}") for name in range(CLIENTS)]
        for client in clients:
            client.start()
        eventually(lambda: all(client.has(2) for client in clients))  # noqa: B023  # it is called here
        daemon.kill()
        daemon.start()
        for client in clients:
            client.join(30)
            answered = {key: order(daemon.url, key) for key in (*client.answers, client.in_doubt)}
            assert answered.items() >= client.answers.items()
            sent |= answered.keys()
        assert orders(daemon) == (len(sent), len(sent))
    daemon.kill()
