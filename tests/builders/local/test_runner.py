"""What the runner of a local build holds to: one run a number, nothing left over, no way out of its place."""

import os
import resource
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from support.git import Origin, serve_http
from support.local_site import (
    LocalSite,
    alive,
    built,
    end,
    is_asleep,
    pid_in,
    pushed,
    request,
    runner_of,
    status,
    until,
)
from support.users import NOBODY, open_to_all

from bridge.builders.base import Ambiguous, Retry, Sent
from bridge.builders.local import builder as local
from bridge.builders.local.folder import Folder
from bridge.builders.local.runner import main
from bridge.model.build import BuildState
from bridge.runtime.git.access import CloneAccess, dump, web_server


async def run_again(folder: Folder, number: int, given: bytes = b"null", before: str = "") -> int:
    """Start a runner by its number, as a daemon does that was slow, and wait until it has ended.

    `given` is what a daemon without private code writes to it, `before` is Python that runs first.
    """
    await until(lambda: folder.holder() is None)
    start = f"import sys; from {main.__module__} import main; {before}sys.exit(main(*sys.argv[1:]))"
    argv = [sys.executable, "-c", start, str(folder.path), str(number)]
    done = await to_thread.run_sync(partial(subprocess.run, argv, input=given, timeout=30, check=False))
    await until(lambda: folder.holder() is None)
    return done.returncode


_AS_NOBODY = f"import os; os.geteuid() or (os.setgroups([]), os.setgid({NOBODY}), os.setuid({NOBODY})); "


@pytest.mark.parametrize("number", [1, 2])
async def test_a_late_runner_of_a_build_that_has_ended_does_nothing(
    site: LocalSite, origin: Origin, tmp_path: Path, number: int
) -> None:
    builder = site.builder(f"echo run >> {tmp_path}/runs")
    before = await built(builder, request(origin, pushed(origin)))
    text = site.text()
    assert await run_again(Folder(site.state / "b1"), number) == 0
    assert await status(builder) == before
    assert (tmp_path / "runs").read_text() == "run\n"
    assert (site.text(), len(Folder(site.state / "b1").starts())) == (text, 1)


async def test_a_late_first_runner_leaves_an_interrupted_build_to_the_second(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    once = f"test -e {tmp_path}/begun || {{ touch {tmp_path}/begun; exec sleep 600; }}"
    builder = site.builder(f"echo run >> {tmp_path}/runs; {once}")
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    await until((tmp_path / "begun").exists)
    os.kill(runner_of(site), signal.SIGKILL)
    folder = Folder(site.state / "b1")
    assert await run_again(folder, 1) == 0
    assert (folder.result(), len(folder.starts())) == (None, 1)
    assert await run_again(folder, 2) == 0
    assert (await status(builder)).state is BuildState.UNKNOWN
    assert (tmp_path / "runs").read_text() == "run\n"


async def test_a_command_ends_with_its_runner_without_any_daemon(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    builder = site.builder(f"echo $$ > {note}.new; mv {note}.new {note}; exec sleep 600")
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    await until(note.exists)
    os.kill(runner_of(site), signal.SIGKILL)
    await until(lambda: not alive(pid_in(note)))


async def test_a_process_is_found_whatever_it_calls_itself(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    script = f"""
        printf '#!/bin/sh\\necho $$ > {note}.new; mv {note}.new {note}; sleep 600\\n' > 'a) b c'
        chmod +x 'a) b c'
        setsid './a) b c' &
        while ! test -e {note}; do sleep 0.01; done
    """
    now = await built(site.builder(script), request(origin, pushed(origin)))
    assert now.state is BuildState.SUCCEEDED, now.detail
    assert not alive(pid_in(note))


async def test_a_runner_rests_while_a_build_prints_nothing_more(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    """A closed stream can always be read: who went on asking it would keep a processor busy."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    builder = site.builder(f"exec >&- 2>&-; read _ < {gate} || true")
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    await until(lambda: "\n$ /bin/sh" in site.text())
    writing = await to_thread.run_sync(os.open, gate, os.O_WRONLY)
    looks: deque[bool] = deque(maxlen=20)

    def rests() -> bool:
        looks.append(is_asleep(runner_of(site)))
        return len(looks) == looks.maxlen and all(looks)

    await until(rests)
    os.close(writing)
    assert (await end(builder)).state is BuildState.SUCCEEDED


async def test_a_log_that_cannot_grow_does_not_end_the_build(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    builder = site.builder(f"cat {gate}; head -c 100000 /dev/zero | tr '\\0' x; touch {tmp_path}/done")
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    await until(lambda: "\n$ /bin/sh" in site.text())
    # The runner's files can hold no more, as on a full disk; the result is shorter than that.
    resource.prlimit(runner_of(site), resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    await anyio.Path(gate).write_text("")
    now = await end(builder)
    assert (now.state, now.detail) == (BuildState.SUCCEEDED, "")
    assert (tmp_path / "done").exists()
    assert len(site.text()) == 4096


async def test_a_build_that_is_taken_up_again_has_only_the_rest_of_the_logs_limit(
    site: LocalSite, origin: Origin
) -> None:
    folder = site.state / "b1"
    folder.mkdir(parents=True)
    (folder / "log").write_bytes(b"x" * 60_000)
    builder = site.builder("head -c 100000 /dev/zero | tr '\\0' y", log_limit=64 << 10)
    assert (await built(builder, request(origin, pushed(origin)))).state is BuildState.SUCCEEDED
    assert (folder / "log").stat().st_size < 60_000 + (64 << 10) // 8 + 2000, "and its own end"


async def test_a_runner_that_cannot_begin_is_reported_and_the_build_may_be_triggered_again(
    site: LocalSite, origin: Origin
) -> None:
    obstacle = site.state / "b1" / "started.new"
    obstacle.mkdir(parents=True)
    builder, wanted = site.builder("true"), request(origin, pushed(origin))
    outcome = await builder.trigger(wanted)
    assert isinstance(outcome, Retry)
    assert outcome.why.startswith(
        "the runner of the build ended before it started the build: IsADirectoryError"
    )
    assert await builder.find(wanted) is None
    obstacle.rmdir()
    assert (await built(builder, wanted)).state is BuildState.SUCCEEDED


@pytest.mark.parametrize("given", [b"", b"nul", b'{"source": "hub", "token": "can'])
async def test_a_runner_whose_daemon_was_killed_while_it_started_it_leaves_the_build_to_the_next(
    site: LocalSite, origin: Origin, given: bytes
) -> None:
    """Else it would fetch private code without what opens it, and fail a good push for ever."""
    obstacle = site.state / "b1" / "started.new"
    obstacle.mkdir(parents=True)
    builder = site.builder("cat hello.txt")
    await builder.trigger(request(origin, pushed(origin)))
    obstacle.rmdir()
    folder = Folder(site.state / "b1")
    assert await run_again(folder, 1, given) == 1
    assert (folder.starts(), folder.result()) == ([], None)
    assert (await end(builder)).state is BuildState.SUCCEEDED


async def test_git_reads_what_the_runner_lends_and_the_command_of_the_repository_does_not(
    origin: Origin, tmp_path: Path
) -> None:
    """Only an ordinary user is kept out of anything: here all of them are one."""
    look = "cat hello.txt; head -c 1 /proc/$PPID/environ || echo shut; ulimit -c"
    commit = pushed(origin)
    with open_to_all() as root, serve_http(tmp_path, user="bot", password="pass") as base:
        site, folder = LocalSite(root / "state"), Folder(root / "state" / "b1")
        (folder / "started.new").mkdir(parents=True)
        wanted = request(origin, commit, repo_url=f"{base}/origin/remote.git", source="hub")
        await site.builder(look, protocols=["http"]).trigger(wanted)
        (folder / "started.new").rmdir()
        for path in (root, *root.rglob("*")) if os.geteuid() == 0 else ():
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        access = CloneAccess(source="hub", base=web_server(base) or "", username="bot", token="pass")
        assert await run_again(folder, 1, dump(access), before=_AS_NOBODY) == 0
        assert "hello\n" in site.text()
        assert "Permission denied\nshut\n0\n" in site.text()


async def test_a_build_that_no_runner_can_take_up_is_given_up(site: LocalSite, origin: Origin) -> None:
    (site.state / "b1" / "started.new").mkdir(parents=True)
    builder = site.builder("true")
    assert isinstance(await builder.trigger(request(origin, pushed(origin))), Retry)
    seen = [await status(builder) for _ in range(5)]
    assert [now.state for now in seen] == [*[BuildState.RUNNING] * 4, BuildState.UNKNOWN]
    assert seen[-1].raw == "interrupted"


async def test_a_runner_that_does_not_answer_leaves_a_doubt_and_no_second_build(
    site: LocalSite, origin: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder = site.builder(f"echo run >> {tmp_path}/runs")
    wanted = request(origin, pushed(origin))
    with monkeypatch.context() as patch:
        patch.setattr(local, "_START_SECONDS", 0.001)
        assert isinstance(await builder.trigger(wanted), Ambiguous)
    assert (await built(builder, wanted)).state is BuildState.SUCCEEDED
    assert (tmp_path / "runs").read_text() == "run\n"


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


async def test_a_build_is_private_and_its_files_are_made_alike_under_any_daemon(
    site: LocalSite, origin: Origin
) -> None:
    builder, commit = site.builder("umask; stat -c %a hello.txt"), pushed(origin)
    for name, mask in (("b1", 0o077), ("b2", 0)):
        with umask(mask):
            await built(builder, request(origin, commit, build_id=name))
        assert "\n0022\n644\n" in site.text(name)
        folder = site.state / name
        assert folder.stat().st_mode & 0o777 == 0o700
        assert (folder / "request.json").stat().st_mode & 0o777 == 0o600, "it may hold a credential"


async def test_cleaning_up_follows_no_link_out_of_the_build(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    outside.chmod(0o750)
    (outside / "kept").touch()
    await built(site.builder(f"ln -s {outside} link"), request(origin, pushed(origin)))
    await until(lambda: Folder(site.state / "b1").holder() is None)
    assert not (site.state / "b1" / "tree").exists()
    assert outside.stat().st_mode & 0o777 == 0o750
    assert (outside / "kept").exists()


async def test_a_search_path_of_the_settings_counts(site: LocalSite, origin: Origin, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "greet").write_text("#!/bin/sh\necho greetings\n")
    (own / "greet").chmod(0o755)
    builder = site.builder("greet", environment={"PATH": f"{own}:{os.environ['PATH']}"})
    assert (await built(builder, request(origin, pushed(origin)))).state is BuildState.SUCCEEDED
    assert "\ngreetings\n" in site.text()


async def test_a_build_whose_state_cannot_be_read_hides_no_other(site: LocalSite, origin: Origin) -> None:
    builder, commit = site.builder("true"), pushed(origin)
    for name in ("b1", "b2"):
        await built(builder, request(origin, commit, build_id=name))
    result = site.state / "b1" / "result.json"
    whole = result.read_bytes()
    result.write_text("{")
    assert list(await builder.poll({"b1": "b1", "b2": "b2"})) == ["b2"]
    result.write_bytes(whole)


async def test_the_daemon_is_more_patient_than_the_runner(site: LocalSite) -> None:
    assert site.builder("true", timeout="1h").deadline >= 3600 + 300
