"""A daemon whose rules change, by each way to say so."""

from pathlib import Path
from typing import Any

import httpx
from support.daemon import NO_TLS, SECRET, TOKEN, Daemon, running
from support.rules import shop_rule
from support.waiting import eventually

URL = "https://git.example.com/shop.git"
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


def test_the_api_reloads_and_says_what_is_wrong(tmp_path: Path) -> None:
    with running(tmp_path, CONFIG, {"shop.yaml": shop_rule(URL, "good-first")}) as daemon:
        trusted = {"authorization": f"Bearer {TOKEN}"}
        assert httpx.post(f"{daemon.url}/v1/reload", verify=NO_TLS).status_code == 401
        write(daemon, 1, good=True)
        done = httpx.post(f"{daemon.url}/v1/reload", headers=trusted, verify=NO_TLS)
        assert done.json()["data"]["counts"] == {"added": 0, "changed": 1, "forbidden": 0, "removed": 0}
        write(daemon, 2, good=False)
        refused = httpx.post(f"{daemon.url}/v1/reload", headers=trusted, verify=NO_TLS)
        assert refused.status_code == 422
        assert refused.json()["data"]["faults"][0].startswith(f"{tmp_path}/rules/other.yaml:")
        assert httpx.get(f"{daemon.url}/healthz", verify=NO_TLS).json() == {
            "status": "degraded",
            "down": ["rules"],
        }


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
