"""A client that was written for Drone drives the daemon: the package `drone-node` of that time."""

import json
import os
import subprocess
from pathlib import Path

from support.daemon import SECRET, TOKEN, running
from support.git import Origin
from support.needs import needs, needs_node_modules
from support.rules import shop_rule

COMMAND = ["sh", "-c", "echo built; echo; echo done; sleep 0.5"]
CONFIG = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "builders": {"here": {"kind": "local", "command": COMMAND, "protocols": ["file"]}},
}


def test_a_client_of_drone_lists_reads_restarts_cancels_and_reads_logs(tmp_path: Path) -> None:
    node, modules = needs("node"), needs_node_modules()
    code = Origin(tmp_path / "git")
    code.commit({"f": "1"})
    code.push()
    rules = {"shop.yaml": shop_rule(code.url, "main", name="shop", public=True, builder="here")}
    with running(tmp_path, CONFIG, rules) as daemon:
        asked = daemon.command("builds", "trigger", "acme/shop", "--branch", "main", "--timeout", "30")
        assert asked.status == 0, asked.stderr
        done = subprocess.run(
            [node, Path(__file__).with_name("drone_client.js")],
            env=os.environ | {"NODE_PATH": str(modules), "BRIDGE_URL": daemon.url, "BRIDGE_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert [build["number"] for build in said["list"]] == [1]
    assert said["newest"] == said["first"]
    lines = [line.get("out") for line in said["log"] if line]
    begun = lines.index("built")
    assert lines[begun : begun + 3] == ["built", None, "done"]
    assert said["log"][-1] == {}
    assert (said["restarted"]["id"], said["restarted"]["status"]) == (said["first"]["id"], "pending")
    assert said["again"]["enqueued_at"] >= said["first"]["enqueued_at"]
    assert said["stopped"]["status"] == "killed"
    assert said["absent"] == 404
