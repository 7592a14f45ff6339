"""Folders of builds on a disk of their own, and what the daemon does when that is nearly full."""

import os
import stat
from pathlib import Path

import httpx
from support.daemon import NO_TLS, SECRET, Daemon
from support.hooked import HookedOrigin
from support.rules import shop_rule
from support.small_disk import MIB, small_disk
from support.waiting import eventually

from bridge.runtime.disk import size_text

HERE = {"kind": "local", "command": ["pwd"], "protocols": ["file"]}
SOURCES = {"plain": {"kind": "Simple", "secrets": [SECRET]}}


def test_a_build_waits_for_room_on_the_disk_of_its_folder_and_then_goes(tmp_path: Path) -> None:
    with small_disk(tmp_path / "builds") as disk:
        needed, relative = disk.enough // MIB, os.path.relpath(disk.folder, tmp_path)
        config = {
            "sources": SOURCES,
            "builders": {"here": HERE | {"folder": relative}},
            "store": {"min_free": f"{needed}MiB"},
        }
        daemon = Daemon(tmp_path, config, {})
        origin = HookedOrigin(tmp_path / "git", f"{daemon.url}/hooks/plain")
        (tmp_path / "rules" / "shop.yaml").write_text(shop_rule(origin.url))
        file = disk.fill()
        less = size_text(disk.enough)
        why = f"are free on the disk of {tmp_path / relative / 'here'}"
        assert f"B {why}, and no build starts below {less} (`store" in daemon.command("check").stdout
        daemon.start()
        try:
            origin.commit({"file": "x"})
            origin.push()
            (build,) = eventually(daemon.builds)
            assert eventually(
                lambda: (
                    f"less than {less} {why}" in daemon.command("builds", "show", build["build_id"]).stdout
                )
            )
            (build,) = daemon.builds()
            assert build["state"] == "waiting"
            assert httpx.get(f"{daemon.url}/healthz", verify=NO_TLS).json() == {
                "status": "degraded",
                "down": ["disk:here"],
            }
            told = daemon.command("notices", "list").stdout
            assert told.count("serviceDegraded") == 1
            file.unlink()
            eventually(lambda: daemon.builds()[0]["state"] == "succeeded")
            log = daemon.command("builds", "log", build["build_id"]).stdout
            assert f"{disk.folder}/here/{build['build_id']}/tree" in log
            assert stat.S_IMODE((disk.folder / "here").stat().st_mode) == 0o700
            assert daemon.stop() == 0
        finally:
            daemon.kill()
