"""Local builds: real Git, real processes, real signals."""

import json
import os
import shlex
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ValidationError
from support.git import Origin, git, serve_http

from bridge.builders import local
from bridge.builders.base import Rejected, Sent, Status, Surroundings
from bridge.builders.local import LocalBuilder
from bridge.builders.local_folder import Folder
from bridge.builders.local_settings import LocalSettings
from bridge.clock import system_clock
from bridge.errors import Permanent, Transient
from bridge.model.build import BuildRequest, BuildState

COVERAGE = ("COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")


@pytest.fixture(autouse=True)
def _measured_runner(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COVERAGE:
        if name in os.environ:
            monkeypatch.setitem(local.RUNNER_ENVIRONMENT, name, os.environ[name])


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "origin")


class Site:
    """One state folder, and the builders that come and go on it."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def builder(self, script: str | None = None, **settings: Any) -> LocalBuilder:
        """A builder that runs a shell script, over file URLs unless told otherwise."""
        if script is not None:
            settings["command"] = ["/bin/sh", "-c", script]
        full = LocalSettings.model_validate({"protocols": ["file"], **settings})
        return LocalBuilder("here", full, Surroundings(state=self.state, clock=system_clock))

    def text(self, build_id: str = "b1") -> str:
        return (self.state / build_id / "log").read_text(errors="replace")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path / "state")
    yield made
    # Nothing that a test started may go on after it.
    quiet = made.builder("true")
    for folder in made.state.glob("*"):
        await quiet.cancel(folder.name)
        if await quiet.find(folder.name):
            await end(quiet, folder.name)


def request(origin: Origin, sha: str, /, **changes: Any) -> BuildRequest:
    fields: dict[str, Any] = {
        "build_id": "b1",
        "number": 1,
        "namespace": "acme",
        "repo_name": "shop",
        "image": "acme/shop",
        "tags": ("latest", "v1"),
        "version_tag": "v1",
        "repo_url": origin.url,
        "ref": "refs/heads/main",
        "branch": "main",
        "tag": None,
        "commit": sha,
    }
    return BuildRequest(**{**fields, **changes})


def pushed(origin: Origin, files: Mapping[str, str | bytes] | None = None) -> str:
    commit = origin.commit(files or {"hello.txt": "hello\n"})
    origin.push()
    return commit


async def status(builder: LocalBuilder, build_id: str = "b1") -> Status:
    return (await builder.poll({build_id: build_id}))[build_id]


async def end(builder: LocalBuilder, build_id: str = "b1") -> Status:
    """Poll until the build has ended."""
    with anyio.fail_after(60):
        while not (now := await status(builder, build_id)).state.terminal:  # noqa: ASYNC110  # another process
            await anyio.sleep(0.02)
    return now


async def built(builder: LocalBuilder, wanted: BuildRequest) -> Status:
    assert await builder.trigger(wanted) == Sent(wanted.build_id)
    return await end(builder, wanted.build_id)


async def until(condition: Callable[[], object]) -> None:
    with anyio.fail_after(30):
        while not condition():  # noqa: ASYNC110  # another process brings it about
            await anyio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid_in(path: Path) -> int:
    return int(path.read_text())


def runner_of(site: Site, build_id: str = "b1") -> int:
    holder = Folder(site.state / build_id).holder()
    assert holder is not None
    return holder


async def test_a_command_runs_in_the_checkout_of_the_commit(site: Site, origin: Origin) -> None:
    first = pushed(origin, {"hello.txt": "first\n"})
    pushed(origin, {"hello.txt": "second\n"})
    builder = site.builder("cat hello.txt; echo $COMMIT $TAGS")
    now = await built(builder, request(origin, first))
    assert (now.state, now.raw) == (BuildState.SUCCEEDED, "succeeded")
    assert now.started_at is not None
    assert now.ended_at is not None
    assert now.started_at <= now.ended_at <= time.time()
    assert f"\nfirst\n{first} latest,v1\n" in site.text()


async def test_a_failing_command_fails_the_build_with_its_exit_code(site: Site, origin: Origin) -> None:
    now = await built(site.builder("echo no >&2; exit 7"), request(origin, pushed(origin)))
    assert (now.state, now.detail) == (BuildState.FAILED, "/bin/sh failed with exit code 7")
    fetched, *rest = site.text().splitlines()
    assert fetched.startswith("fetching ")
    assert rest == ["$ /bin/sh -c 'echo no >&2; exit 7'", "no", f"failed: {now.detail}"], (
        "the build's own words"
    )


async def test_a_command_that_does_not_exist_fails_the_build_with_a_sentence(
    site: Site, origin: Origin
) -> None:
    now = await built(site.builder(command=["./missing"]), request(origin, pushed(origin)))
    assert (now.state, now.detail) == (
        BuildState.FAILED,
        "./missing cannot be started: No such file or directory",
    )


async def test_nothing_of_the_daemons_environment_reaches_a_build(
    site: Site, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "daemon-secret")
    builder = site.builder("env; cat /proc/$PPID/environ", environment={"EXTRA": "yes"})
    wanted = request(origin, pushed(origin), parameters={"OWN": "rule", "HOME": "/root", "EXTRA": "no"})
    assert (await built(builder, wanted)).state is BuildState.SUCCEEDED
    lines = site.text().splitlines()
    assert {"OWN=rule", "EXTRA=yes", "BRANCH=main", f"HOME={site.state}/b1/home", "LANG=C.UTF-8"} <= set(
        lines
    )
    assert "CANARY" not in site.text()


async def test_the_time_limit_ends_a_build(site: Site, origin: Origin) -> None:
    now = await built(site.builder("sleep 600", timeout="2s"), request(origin, pushed(origin)))
    assert (now.state, now.detail) == (BuildState.FAILED, "the time limit was reached")


async def test_cancel_ends_what_detached_itself_and_what_ignores_sigterm(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    script = f"""
        cd {pids}
        setsid sh -c 'echo $$ > 1.new; mv 1.new 1; exec sleep 600' &
        (setsid sh -c 'trap "" TERM; echo $$ > 2.new; mv 2.new 2; while :; do sleep 600; done' &)
        wait
    """
    builder = site.builder(script)
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    await until(lambda: (pids / "1").exists() and (pids / "2").exists())
    assert (await status(builder)).state is BuildState.RUNNING
    await builder.cancel("b1")
    now = await end(builder)
    await builder.cancel("b1")
    assert (now.state, now.detail) == (BuildState.CANCELLED, "cancelled on request")
    assert not alive(pid_in(pids / "1"))
    assert not alive(pid_in(pids / "2"))


async def test_what_a_cancelled_command_started_has_time_to_end_well(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    inner = f"trap 'sleep 0.3; touch {tmp_path}/tidied; exit' TERM; touch {tmp_path}/begun; sleep 600 & wait"
    builder = site.builder(f"setsid sh -c {shlex.quote(inner)} & wait")
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    await until((tmp_path / "begun").exists)
    await builder.cancel("b1")
    assert (await end(builder)).state is BuildState.CANCELLED
    assert (tmp_path / "tidied").exists()


async def test_what_a_step_leaves_running_ends_with_it(site: Site, origin: Origin, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"setsid sleep 600 & echo $! > {note}"
    assert (await built(site.builder(script), request(origin, pushed(origin)))).state is BuildState.SUCCEEDED
    assert not alive(pid_in(note))


async def test_a_flood_of_output_is_drained_but_kept_only_up_to_the_limit(site: Site, origin: Origin) -> None:
    builder = site.builder("head -c 50000000 /dev/zero | tr '\\0' x; echo; exit 3", log_limit="64KiB")
    now = await built(builder, request(origin, pushed(origin)))
    assert (now.state, now.detail) == (BuildState.FAILED, "/bin/sh failed with exit code 3")
    assert (site.state / "b1" / "log").stat().st_size < (64 << 10) + 2000
    assert site.text().count("the rest of it was dropped") == 1
    assert site.text().endswith("failed: /bin/sh failed with exit code 3\n")


async def test_a_new_daemon_follows_a_running_build_to_its_end(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    script = f"echo before; cat {gate}"
    old = site.builder(script)
    assert await old.trigger(request(origin, pushed(origin))) == Sent("b1")
    del old
    new = site.builder(script)
    assert await new.find("b1") == "b1"
    assert (await status(new)).state is BuildState.RUNNING
    await anyio.Path(gate).write_text("after\n")
    assert (await end(new)).state is BuildState.SUCCEEDED
    assert "before\nafter\n" in site.text()


async def test_triggering_twice_builds_once(site: Site, origin: Origin, tmp_path: Path) -> None:
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
    site: Site, origin: Origin
) -> None:
    builder = site.builder("true")
    wanted = request(origin, pushed(origin))
    assert await builder.find("b1") is None
    await built(builder, wanted)
    folder = site.state / "b1"
    await until(lambda: Folder(folder).holder() is None)
    for name in ("started", "effects", "result.json"):
        (folder / name).unlink()
    assert await site.builder("true").find("b1") is None
    assert (await built(site.builder("true"), wanted)).state is BuildState.SUCCEEDED


async def test_a_runner_killed_while_its_command_ran_leaves_an_unknown_build_and_no_process(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    note, runs = tmp_path / "pid", tmp_path / "runs"
    script = f"echo run >> {runs}; setsid sleep 600 & echo $! > {note}.new; mv {note}.new {note}; wait"
    builder = site.builder(script)
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    await until(note.exists)
    os.kill(runner_of(site), signal.SIGKILL)
    now = await end(builder)
    assert now.state is BuildState.UNKNOWN
    assert "nobody can tell how it ended" in now.detail
    assert not alive(pid_in(note))
    assert runs.read_text() == "run\n"


async def test_a_runner_killed_before_anything_irreversible_is_started_again(
    site: Site, origin: Origin, tmp_path: Path, fake_git: Path
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


async def test_a_build_interrupted_again_and_again_fails(site: Site, origin: Origin, fake_git: Path) -> None:
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


async def test_a_runner_told_to_stop_by_the_system_is_no_cancelled_build(
    site: Site, origin: Origin, fake_git: Path
) -> None:
    builder = site.builder("true")
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    await until((fake_git / "waiting").exists)
    os.kill(runner_of(site), signal.SIGTERM)
    await until(lambda: Folder(site.state / "b1").holder() is None)
    assert not (site.state / "b1" / "result.json").exists()
    (fake_git / "open").touch()
    assert (await end(builder)).state is BuildState.SUCCEEDED


async def test_a_cancel_that_met_no_runner_still_counts(site: Site, origin: Origin, fake_git: Path) -> None:
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


async def test_an_annotated_tag_is_peeled(site: Site, origin: Origin) -> None:
    commit = pushed(origin)
    tag = origin.tag("v1")
    wanted = request(origin, tag, ref="refs/tags/v1", branch=None, tag="v1")
    assert (await built(site.builder("git rev-parse HEAD"), wanted)).state is BuildState.SUCCEEDED
    assert f"\n{commit}\n" in site.text()


async def test_a_commit_that_nobody_named_is_what_the_ref_points_to(site: Site, origin: Origin) -> None:
    commit = pushed(origin)
    origin.tag("v1")
    wanted = request(origin, "", ref="refs/tags/v1", branch=None, tag="v1")
    done = await built(site.builder('echo "$COMMIT is $(git rev-parse HEAD)"'), wanted)
    assert done.state is BuildState.SUCCEEDED
    assert f"\n{commit} is {commit}\n" in site.text()


async def test_a_server_that_hands_out_refs_only_is_asked_for_the_ref(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    old = pushed(origin)
    for name in "abc":
        pushed(origin, {name: name})
    with serve_http(tmp_path / "origin") as url:
        builder = site.builder("ls; git rev-parse HEAD", protocols=["http"])
        now = await built(builder, request(origin, old, repo_url=f"{url}/remote.git"))
    assert now.state is BuildState.SUCCEEDED
    assert f"\nhello.txt\n{old}\n" in site.text()


async def test_a_commit_that_its_ref_no_longer_has_fails_the_build(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    old = pushed(origin)
    git(origin.work, "checkout", "--quiet", "--orphan", "other")
    origin.commit({"other": "other"})
    origin.push("other:main")
    with serve_http(tmp_path / "origin") as url:
        builder = site.builder("true", protocols=["http"])
        now = await built(builder, request(origin, old, repo_url=f"{url}/remote.git"))
    assert now.state is BuildState.FAILED
    assert now.detail == f"{old} is not among the last 1000 commits of refs/heads/main: the ref was moved"


async def test_a_commit_that_never_was_fails_the_build(site: Site, origin: Origin) -> None:
    pushed(origin)
    now = await built(site.builder("true"), request(origin, "1" * 40))
    assert now.state is BuildState.FAILED
    assert "is not among the last 1000 commits" in now.detail


async def test_a_protocol_that_is_not_listed_is_refused(site: Site, origin: Origin) -> None:
    now = await built(site.builder("true", protocols=["https"]), request(origin, pushed(origin)))
    assert now.state is BuildState.FAILED
    assert "transport 'file' not allowed" in site.text()


@pytest.mark.parametrize("url", ["ext::touch {}", "--upload-pack=touch {}", "-u touch {}"])
async def test_a_clone_url_is_never_a_command_or_an_option(
    site: Site, origin: Origin, tmp_path: Path, url: str
) -> None:
    bait = tmp_path / "bait"
    wanted = request(origin, pushed(origin), repo_url=url.format(bait))
    assert (await built(site.builder("true", protocols=["file", "https"]), wanted)).state is BuildState.FAILED
    assert not bait.exists()


async def test_credentials_of_the_clone_url_open_the_repository_and_show_nowhere(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    commit = pushed(origin)
    with serve_http(tmp_path / "origin", user="bob", password="pass/word-1") as base:
        url = base.replace("//", "//bob:pass%2Fword-1@") + "/remote.git"
        builder = site.builder("env; grep -r pass . || ls ..", protocols=["http"])
        now = await built(builder, request(origin, commit, repo_url=url))
    assert now.state is BuildState.SUCCEEDED
    assert f"REPO_URL={base}/remote.git" in site.text()
    assert "word-1" not in site.text() + now.detail
    assert "credential" not in site.text().splitlines()


async def test_wrong_credentials_fail_at_once_and_show_nowhere(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    with serve_http(tmp_path / "origin", user="bob", password="right") as base:
        url = base.replace("//", "//bob:wrong-one@") + "/remote.git"
        builder = site.builder("true", protocols=["http"])
        now = await built(builder, request(origin, pushed(origin), repo_url=url))
    assert now.state is BuildState.FAILED
    assert "wrong-one" not in site.text() + now.detail


async def test_a_checkout_over_its_limit_fails(site: Site, origin: Origin) -> None:
    commit = pushed(origin, {"big": os.urandom(200_000)})
    now = await built(site.builder("true", max_tree="100KiB"), request(origin, commit))
    assert now.state is BuildState.FAILED


async def test_the_log_is_read_in_pieces_that_end_between_characters(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    builder = site.builder(f"printf 'a\\346\\227'; cat {gate}; printf '\\245b\\377c'")
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    log = site.state / "b1" / "log"
    await until(lambda: log.exists() and log.read_bytes().endswith(b"a\xe6\x97"))
    first = await builder.log("b1", 0)
    assert first.text.endswith("\na")
    assert first.next == log.stat().st_size - 2
    await anyio.Path(gate).write_text("")
    await end(builder)
    rest = await builder.log("b1", first.next)
    assert rest.text == "日b\ufffdc\nsucceeded\n"
    assert (rest.next, rest.more) == (log.stat().st_size, False)
    again = await builder.log("b1", 10**9)
    assert again.restarted
    assert again.text == first.text + rest.text


async def test_a_long_log_says_that_there_is_more(site: Site, origin: Origin) -> None:
    builder = site.builder("head -c 300000 /dev/zero | tr '\\0' x")
    await built(builder, request(origin, pushed(origin)))
    text, offset, more = "", 0, True
    while more:
        chunk = await builder.log("b1", offset)
        text, offset, more = text + chunk.text, chunk.next, chunk.more
        assert len(chunk.text) <= 256 * 1024
    assert text == site.text()


async def test_release_removes_the_folder_and_spares_running_builds(
    site: Site, origin: Origin, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    builder = site.builder(f"mkdir locked; touch locked/file; chmod 0 locked; cat {gate}")
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    with pytest.raises(Transient, match="still running"):
        await builder.release("b1")
    await anyio.Path(gate).write_text("")
    assert (await end(builder)).state is BuildState.SUCCEEDED
    await builder.release("b1")
    await builder.release("b1")
    assert list(site.state.iterdir()) == []
    assert await builder.find("b1") is None
    assert (await status(builder)).raw == "gone"


async def test_the_scratch_space_is_given_back_when_a_build_ends(site: Site, origin: Origin) -> None:
    builder = site.builder("touch $HOME/x $TMPDIR/y z")
    await built(builder, request(origin, pushed(origin)))
    await until(lambda: Folder(site.state / "b1").holder() is None)
    kept = {path.name for path in (site.state / "b1").iterdir()}
    assert kept == {"lock", "request.json", "started", "effects", "log", "result.json"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"commit": "main"}, "'main' is not a valid commit"),
        ({"ref": "main"}, "'main' is not a valid ref"),
        ({"ref": "refs/heads/a:b"}, "'refs/heads/a:b' is not a valid ref"),
        ({"build_id": "../x"}, "'../x' is not a valid build id"),
        ({"tags": ()}, "a build needs 1 to 101 tags"),
        ({"tags": ("-x",)}, "'-x' is not a valid tag"),
        ({"parameters": {"A=B": ""}}, "'A=B' is not a valid parameter name"),
        ({"repo_url": "https://[::1/x"}, "the clone URL cannot be read"),
        ({"context": "/\0"}, "a value of the build holds a NUL character"),
    ],
)
async def test_a_request_that_cannot_be_built_is_rejected(
    site: Site, origin: Origin, changes: dict[str, Any], why: str
) -> None:
    assert await site.builder("true").trigger(request(origin, "0" * 40, **changes)) == Rejected(why)
    assert not site.state.exists()


@pytest.mark.parametrize("handle", ["../b1", "", "a/b", ".", "b1\n"])
async def test_a_foreign_handle_leads_nowhere(site: Site, handle: str) -> None:
    builder = site.builder("true")
    with pytest.raises(Permanent):
        await builder.release(handle)
    with pytest.raises(Permanent):
        await builder.log(handle, 0)
    assert (await builder.poll({"b1": handle}))["b1"].raw == "gone"


def test_a_command_excludes_an_engine() -> None:
    with pytest.raises(ValidationError, match="remove `engine`, `registry`, or remove `command`"):
        LocalSettings.model_validate({"command": ["make"], "engine": "docker", "registry": "r.example.com"})


async def test_the_test_call_says_what_would_be_run(site: Site) -> None:
    assert await site.builder("true").test() == "/bin/sh can be run"
    assert await site.builder(command=["./build"]).test() == "./build will be looked for in each checkout"
    with pytest.raises(Permanent, match="not installed"):
        await site.builder(command=["no-such-program"]).test()


async def test_as_many_builds_may_be_open_as_there_are_workers(site: Site) -> None:
    assert site.builder("true", workers=5).slots == 5
