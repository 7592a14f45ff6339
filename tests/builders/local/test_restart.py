"""Local builds outlive the daemon; what was interrupted is resumed, or reported."""

import json
import os
import shlex
import signal
from pathlib import Path

import anyio
import pytest
from support.git import Origin
from support.local_site import LocalSite, alive, built, end, pid_in, pushed, request, runner_of, status, until

from bridge.builders.base import Sent
from bridge.builders.local.folder import Folder
from bridge.model.build import BuildState


async def test_a_new_daemon_follows_a_running_build_to_its_end(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    script = f"echo before; cat {gate}"
    old = site.builder(script)
    assert await old.trigger(request(origin, pushed(origin))) == Sent("b1")
    del old
    new = site.builder(script)
    assert await new.find(request(origin, "")) == "b1"
    assert (await status(new)).state is BuildState.RUNNING
    await anyio.Path(gate).write_text("after\n")
    assert (await end(new)).state is BuildState.SUCCEEDED
    assert "before\nafter\n" in site.text()


async def test_triggering_twice_builds_once(site: LocalSite, origin: Origin, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    script = f"echo run >> {runs}"
    wanted = request(origin, pushed(origin))
    async with anyio.create_task_group() as tasks:
        for _ in range(3):
            tasks.start_soon(site.builder(script).trigger, wanted)
    await built(site.builder(script), wanted)
    await built(site.builder(script), wanted)
    assert runs.read_text() == "run\n"


async def test_a_build_whose_daemon_died_before_the_runner_began_is_not_found_and_triggered_again(
    site: LocalSite, origin: Origin
) -> None:
    builder = site.builder("true")
    wanted = request(origin, pushed(origin))
    assert await builder.find(wanted) is None
    await built(builder, wanted)
    folder = site.state / "b1"
    await until(lambda: Folder(folder).holder() is None)
    for name in ("started", "effects", "result.json"):
        (folder / name).unlink()
    assert await site.builder("true").find(wanted) is None
    assert (await built(site.builder("true"), wanted)).state is BuildState.SUCCEEDED


async def test_a_runner_killed_while_its_command_ran_leaves_an_unknown_build_and_no_process(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    note, runs = tmp_path / "pid", tmp_path / "runs"
    script = f"echo run >> {runs}; setsid sleep 600 & echo $! > {note}.new; mv {note}.new {note}; wait"
    builder = site.builder(script)
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    await until(note.exists)
    os.kill(runner_of(site), signal.SIGKILL)
    now = await end(builder)
    assert now.state is BuildState.UNKNOWN
    assert "no one knows how it ended" in now.detail
    assert not alive(pid_in(note))
    assert runs.read_text() == "run\n"


async def test_a_runner_killed_before_anything_irreversible_is_started_again(
    site: LocalSite, origin: Origin, tmp_path: Path, fake_git: Path
) -> None:
    commit = pushed(origin)
    builder = site.builder("echo built")
    assert await builder.trigger(request(origin, commit)) == Sent("b1")
    await until((fake_git / "waiting").exists)
    os.kill(runner_of(site), signal.SIGKILL)
    (fake_git / "open").touch()
    await until(lambda: len(json.loads((site.state / "b1" / "started").read_text())) == 1)
    now = await end(site.builder("never used: the order was given"))
    assert now.state is BuildState.SUCCEEDED
    assert "started again after an interruption, run 2\n" in site.text()


async def test_a_build_interrupted_again_and_again_fails(
    site: LocalSite, origin: Origin, fake_git: Path
) -> None:
    builder = site.builder("true")
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    for _ in range(3):
        await until((fake_git / "waiting").exists)
        (fake_git / "waiting").unlink()
        os.kill(runner_of(site), signal.SIGKILL)
        await until(lambda: Folder(site.state / "b1").holder() is None)
        await builder.poll({"b1": "b1"})
    now = await end(builder)
    assert (now.state, now.detail) == (BuildState.FAILED, "interrupted 3 times")


async def test_a_runner_asked_to_stop_by_the_system_is_no_cancelled_build(
    site: LocalSite, origin: Origin, fake_git: Path
) -> None:
    builder = site.builder("true")
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    await until((fake_git / "waiting").exists)
    os.kill(runner_of(site), signal.SIGTERM)
    await until(lambda: Folder(site.state / "b1").holder() is None)
    assert not (site.state / "b1" / "result.json").exists()
    (fake_git / "open").touch()
    assert (await end(builder)).state is BuildState.SUCCEEDED


async def test_a_cancel_that_met_no_runner_still_counts(
    site: LocalSite, origin: Origin, fake_git: Path
) -> None:
    builder = site.builder("true")
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    await until((fake_git / "waiting").exists)
    os.kill(runner_of(site), signal.SIGKILL)
    await until(lambda: Folder(site.state / "b1").holder() is None)
    await builder.cancel("b1")
    assert (await end(builder)).state is BuildState.CANCELLED


@pytest.fixture
def fake_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder; the build's first git step touches `waiting` in it and waits until `open` is there."""
    gate = tmp_path / "gate"
    gate.mkdir()
    program = gate / "git"
    path = os.environ["PATH"]
    program.write_text(
        f"""#!/bin/sh
        if test $1 = init; then
            touch {gate}/waiting
            while ! test -e {gate}/open; do sleep 0.02; done
        fi
        PATH={shlex.quote(path)} exec git "$@"
        """
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{gate}:{path}")
    return gate
