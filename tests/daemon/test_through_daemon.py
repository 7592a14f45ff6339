"""Tests of builders and channels by the daemon, which alone has their secrets."""

from pathlib import Path

import anyio.to_thread
from support.commands import Done
from support.daemon import SECRET, Daemon
from support.fake_robots import dingtalk_robot, errcode

from bridge.runtime.clock import system_clock

SIGN, TOKEN = "SECcanary-of-the-signature", "canary-of-the-token-in-the-address"


async def test_the_daemon_tests_what_only_it_has_the_secrets_of(tmp_path: Path) -> None:
    async with dingtalk_robot(system_clock, secret=SIGN, token=TOKEN) as robot:
        (tmp_path / "robot").write_text(robot.url)
        team = {
            "kind": "DING_TALK",
            "url": {"env": "ROBOT"},
            "secret": {"env": "SIGN"},
            "allow_private": True,
        }
        config = {
            "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
            "builders": {"here": {"kind": "local", "command": ["true"]}},
            "channels": {"team": team},
        }
        daemon = Daemon(tmp_path, config, {})

        async def asked(*line: str) -> Done:
            return await anyio.to_thread.run_sync(daemon.command, *line)

        await anyio.to_thread.run_sync(lambda: daemon.start(ROBOT=robot.url, SIGN=SIGN))
        try:
            assert (await asked("channels", "test", "team")).status == 1, "the secrets are the daemon's"
            good = await asked("channels", "test", "team", "--through-daemon")
            assert (good.status, good.stdout, good.stderr) == (0, "ok: team took a test notice\n", "")
            assert "🔔 Test message" in robot.text
            robot.scripted.append(errcode(999, f"bad {TOKEN}"))
            bad = await asked("channels", "test", "team", "--through-daemon")
            assert (bad.status, bad.stdout) == (1, "")
            assert "canary" not in bad.complaint
            built = await asked("builders", "test", "here", "--through-daemon")
            assert (built.status, built.stdout.startswith("ok: ")) == (0, True)
            gone = await asked("builders", "test", "none", "--through-daemon")
            assert gone.complaint.startswith("there is no builder of this name")
        finally:
            await anyio.to_thread.run_sync(daemon.stop)
    away = daemon.command("channels", "test", "team", "--through-daemon")
    assert away.complaint.startswith("no daemon has the store ")
