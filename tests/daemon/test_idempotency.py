"""One idempotency key at two nodes: while one does the request, the other leaves it alone."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from support.daemon import NO_TLS, TOKEN, Daemon
from support.fake_http import FakeServer, Reply, served
from support.nodes import SHORTER_LEASE, Nodes
from support.rules import shop_rule
from support.waiting import eventually

IN_USE = "a request with this Idempotency-Key is being done: send it again in a moment"


class Host(FakeServer):
    """A Git host without the repository; it says so only after a while."""

    def handle(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        return Reply(404)


def order(daemon: Daemon, key: str) -> str:
    """Why a build is not made whose commit the Git host has to say."""
    headers = {"authorization": f"Bearer {TOKEN}", "idempotency-key": key}
    wanted = {"namespace": "acme", "repo_name": "shop", "branch": "main"}
    answer = httpx.post(f"{daemon.url}/v1/builds", json=wanted, headers=headers, timeout=40, verify=NO_TLS)
    assert answer.status_code == 409, answer.text
    return str(answer.json()["msg"])


def test_what_one_node_does_under_a_key_another_does_not_begin(nodes: Nodes) -> None:
    with served(Host()) as host, ThreadPoolExecutor() as clients:
        rule = shop_rule(f"{host.url}shop.git")
        one, two = (nodes.make(name, rule) for name in ("one", "two"))
        for daemon in (one, two):
            daemon.start(*SHORTER_LEASE, options=("--only", "receive"))
        host.trouble("late", seconds=30)
        first = clients.submit(order, one, "a-key")
        assert eventually(lambda: host.requests)
        assert order(one, "a-key") == order(two, "a-key") == IN_USE
        assert len(host.requests) == 1
        host.released.set()
        said = first.result(30)
        assert said != IN_USE
        assert order(two, "a-key") == said, "it has failed, and is tried again"
        assert order(one, "a-key") == said

        host.released.clear()
        host.trouble("late", seconds=30)
        asked = len(host.requests)
        lost = clients.submit(order, one, "another")
        assert eventually(lambda: len(host.requests) > asked)
        one.kill()
        host.released.set()
        with pytest.raises(httpx.TransportError):
            lost.result(30)
        assert order(two, "another") == IN_USE
        assert eventually(lambda: order(two, "another") != IN_USE, seconds=40)
