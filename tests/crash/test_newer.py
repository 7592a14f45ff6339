"""A newer push under `kill -9`: the older build ends and the newer one is built, whenever that happens."""

from pathlib import Path
from typing import Any

import pytest
from support.daemon import SECRET, Daemon
from support.hooked import HookedOrigin
from support.rules import shop_rule
from support.waiting import eventually

BUILDER = {"kind": "local", "command": ["sh", "-c", "test ! -e slow || sleep 600"], "protocols": ["file"]}


@pytest.mark.parametrize(
    ("event", "state", "times"),
    [
        ("delivery.stored", None, 2),
        ("delivery.decided", "dispatched", 2),
        ("build.state_changed", "superseded", 1),
    ],
)
def test_a_build_that_a_newer_push_ended_stays_ended(
    tmp_path: Path, event: str, state: str | None, times: int
) -> None:
    config = {"sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}}, "builders": {"here": BUILDER}}
    daemon = Daemon(tmp_path, config, {})
    origin = HookedOrigin(tmp_path / "git", f"{daemon.url}/hooks/plain")
    (tmp_path / "rules" / "shop.yaml").write_text(shop_rule(origin.url, on_newer="cancel"))
    daemon.start()
    try:
        origin.commit({"slow": "1"})
        origin.push()
        eventually(lambda: [build for build in daemon.builds() if build["state"] == "running"])
        (origin.work / "slow").unlink()
        newest = origin.commit({"fast": "1"})
        origin.push()
        eventually(lambda: _said(daemon, event, state) >= times)
        daemon.kill()
        daemon.start()
        new, old = eventually(lambda: _ended(daemon), seconds=60)
    finally:
        daemon.kill()
    assert (new["state"], new["code_head_commit"]) == ("succeeded", newest)
    assert (old["state"], old["detail"]) == ("superseded", f"superseded by #2: {newest} was pushed")


def _said(daemon: Daemon, event: str, state: str | None) -> int:
    """How often the daemon has logged this."""
    return sum((line["event"], line.get("state")) == (event, state) for line in daemon.lines())


def _ended(daemon: Daemon) -> list[dict[str, Any]]:
    """Both builds, newest first, once they have ended."""
    found = daemon.builds()
    return found if len(found) == 2 and all(build["ended_at"] for build in found) else []
