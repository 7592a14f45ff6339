"""Folders of builds on a disk of their own, and what the daemon does when that is nearly full."""

import stat
from pathlib import Path

import httpx
from support.daemon import SECRET, Daemon, eventually
from support.hooked import HookedOrigin
from support.rules import shop_rule
from support.small_disk import SIZE, fill, small_disk

HERE = {"kind": "local", "command": ["pwd"], "protocols": ["file"], "folder": "./builds"}
CONFIG = {
    "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
    "builders": {"here": HERE},
    "store": {"url": "sqlite:///./data/bridge.db", "min_free": "16MiB"},
}


def test_a_build_waits_for_room_on_the_disk_of_its_folder_and_then_goes(tmp_path: Path) -> None:
    with small_disk(tmp_path / "builds") as disk:
        daemon = Daemon(tmp_path, CONFIG, {})
        origin = HookedOrigin(tmp_path / "git", f"{daemon.url}/hooks/plain")
        (tmp_path / "rules" / "shop.yaml").write_text(shop_rule(origin.url))
        file = fill(disk, SIZE // 8)
        why = f"are free on the disk of {disk / 'here'}"
        assert f"8 MiB {why}, and no build starts below 16 MiB" in daemon.command("check").stdout
        daemon.start()
        try:
            origin.commit({"file": "x"})
            origin.push()
            (build,) = eventually(daemon.builds)
            assert eventually(
                lambda: (
                    f"less than 16 MiB {why}" in daemon.command("builds", "show", build["build_id"]).stdout
                )
            )
            (build,) = daemon.builds()
            assert build["state"] == "waiting"
            assert httpx.get(f"{daemon.url}/healthz").json() == {"status": "degraded", "down": ["disk:here"]}
            told = daemon.command("notices", "list").stdout
            assert told.count("serviceDegraded") == 1
            file.unlink()
            eventually(lambda: daemon.builds()[0]["state"] == "succeeded")
            log = daemon.command("builds", "log", build["build_id"]).stdout
            assert f"{disk}/here/{build['build_id']}/tree" in log
            assert stat.S_IMODE((disk / "here").stat().st_mode) == 0o700
            assert daemon.stop() == 0
        finally:
            daemon.kill()
