"""Local builds: real Git, real processes, real signals."""

import os
import shlex
import stat
import time
from pathlib import Path
from typing import Any

import anyio
import pytest
from pydantic import ValidationError
from support.git import Origin
from support.local_site import LocalSite, alive, built, end, pid_in, pushed, request, status, until

from bridge.builders.base import Rejected, Sent
from bridge.builders.local.folder import Folder
from bridge.builders.local.settings import LocalSettings
from bridge.errors import Permanent, Transient
from bridge.model.build import BuildState


async def test_a_command_runs_in_the_checkout_of_the_commit(site: LocalSite, origin: Origin) -> None:
    first = pushed(origin, {"hello.txt": "first\n"})
    pushed(origin, {"hello.txt": "second\n"})
    builder = site.builder("cat hello.txt; echo $COMMIT $TAGS")
    now = await built(builder, request(origin, first))
    assert (now.state, now.raw) == (BuildState.SUCCEEDED, "succeeded")
    assert now.started_at is not None
    assert now.ended_at is not None
    assert now.started_at <= now.ended_at <= time.time()
    assert f"\nfirst\n{first} latest,v1\n" in site.text()


async def test_a_failing_command_fails_the_build_with_its_exit_code(site: LocalSite, origin: Origin) -> None:
    now = await built(site.builder("echo no >&2; exit 7"), request(origin, pushed(origin)))
    assert (now.state, now.detail) == (BuildState.FAILED, "/bin/sh failed with exit code 7")
    assert now.stage == "run the command"
    fetched, *rest = site.text().splitlines()
    assert fetched.startswith("fetching ")
    assert rest == ["$ /bin/sh -c 'echo no >&2; exit 7'", "no", f"failed: {now.detail}"], (
        "the build's own words"
    )


async def test_a_command_that_does_not_exist_fails_the_build_with_a_sentence(
    site: LocalSite, origin: Origin
) -> None:
    now = await built(site.builder(command=["./missing"]), request(origin, pushed(origin)))
    assert (now.state, now.detail) == (
        BuildState.FAILED,
        "./missing cannot be started: No such file or directory",
    )


async def test_nothing_of_the_daemons_environment_reaches_a_build(
    site: LocalSite, origin: Origin, monkeypatch: pytest.MonkeyPatch
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


async def test_the_time_limit_ends_a_build(site: LocalSite, origin: Origin) -> None:
    now = await built(site.builder("sleep 600", timeout="2s"), request(origin, pushed(origin)))
    assert (now.state, now.detail) == (BuildState.FAILED, "the time limit was reached")


async def test_cancel_ends_what_detached_itself_and_what_ignores_sigterm(
    site: LocalSite, origin: Origin, tmp_path: Path
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
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    inner = f"trap 'sleep 0.3; touch {tmp_path}/tidied; exit' TERM; touch {tmp_path}/begun; sleep 600 & wait"
    builder = site.builder(f"setsid sh -c {shlex.quote(inner)} & wait")
    assert await builder.trigger(request(origin, pushed(origin))) == Sent("b1")
    await until((tmp_path / "begun").exists)
    await builder.cancel("b1")
    assert (await end(builder)).state is BuildState.CANCELLED
    assert (tmp_path / "tidied").exists()


async def test_what_a_step_leaves_running_ends_with_it(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    script = f"setsid sleep 600 & echo $! > {note}"
    assert (await built(site.builder(script), request(origin, pushed(origin)))).state is BuildState.SUCCEEDED
    assert not alive(pid_in(note))


async def test_of_a_long_command_the_log_shows_the_beginning(site: LocalSite, origin: Origin) -> None:
    short, long = "true", f"true {'x' * 3000}"
    for name, script in (("b1", short), ("b2", long)):
        await built(site.builder(script), request(origin, pushed(origin), build_id=name))
    assert f"\n$ /bin/sh -c {short}\n" in site.text("b1")
    assert f"$ /bin/sh -c '{long}"[:2000] + "...\n" in site.text("b2")
    assert long not in site.text("b2")


async def test_a_flood_of_output_is_drained_but_kept_only_up_to_the_limit(
    site: LocalSite, origin: Origin
) -> None:
    script = "head -c 50000000 /dev/zero | tr '\\0' x | fold -w 200; echo; echo LAST LINE; exit 3"
    builder = site.builder(script, log_limit=64 << 10)
    now = await built(builder, request(origin, pushed(origin)))
    assert (now.state, now.detail) == (BuildState.FAILED, "/bin/sh failed with exit code 3")
    assert (site.state / "b1" / "log").stat().st_size < (64 << 10) * 5 // 8 + 2000
    assert site.text().endswith("\nLAST LINE\nfailed: /bin/sh failed with exit code 3\n")
    (mark,) = [line for line in site.text().splitlines() if "bytes are left out here" in line]
    assert mark.endswith(" bytes are left out here: the log is over store.log_limit, 0.0625 MiB")
    after = site.text().partition(f"{mark}\n")[2].splitlines()
    assert after[0] == "x" * 200, "it goes on with a whole line"


async def test_the_log_is_read_in_pieces_that_end_between_characters(
    site: LocalSite, origin: Origin, tmp_path: Path
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


async def test_release_removes_the_folder_and_spares_running_builds(
    site: LocalSite, origin: Origin, tmp_path: Path
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
    assert await builder.find(request(origin, "")) is None
    assert (await status(builder)).raw == "gone"


async def test_builds_can_have_another_folder_and_those_that_began_before_end_where_they_are(
    site: LocalSite, origin: Origin, tmp_path: Path
) -> None:
    gate, commit = tmp_path / "gate", pushed(origin)
    os.mkfifo(gate)
    assert await site.builder(f"cat {gate}").trigger(request(origin, commit)) == Sent("b1")
    moved = site.builder("pwd", folder=tmp_path / "other" / "disk")
    before = os.umask(0)
    try:
        assert (await built(moved, request(origin, commit, build_id="b2"))).state is BuildState.SUCCEEDED
    finally:
        os.umask(before)
    place = tmp_path / "other" / "disk" / "here"
    assert f"{place}/b2/tree" in (place / "b2" / "log").read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in (place / "b2", place, *place.parents[:2])} == {
        0o700
    }
    assert (await status(moved)).state is BuildState.RUNNING
    await anyio.Path(gate).write_text("")
    assert (await end(moved)).state is BuildState.SUCCEEDED
    for build_id in ("b1", "b2"):
        await moved.release(build_id)
    assert list(site.state.iterdir()) == list(place.iterdir()) == []


@pytest.mark.parametrize("folder", ["", " ", "a\0b", 3])
def test_a_folder_that_is_no_path(folder: object) -> None:
    with pytest.raises(ValidationError):
        LocalSettings.model_validate({"command": ["true"], "folder": folder})


async def test_the_scratch_space_is_given_back_when_a_build_ends(site: LocalSite, origin: Origin) -> None:
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
        ({"ref": "refs/heads/a b"}, "'refs/heads/a b' is not a valid ref"),
        ({"commit": "0" * 41}, f"'{'0' * 41}' is not a valid commit"),
        ({"tags": ()}, "a build needs 1 to 101 tags"),
        ({"tags": tuple(f"t{number}" for number in range(102))}, "a build needs 1 to 101 tags"),
        ({"tags": ("-x",)}, "'-x' is not a valid tag"),
        ({"parameters": {"A=B": ""}}, "'A=B' is not a valid parameter name"),
        (
            {"parameters": {"A": "", "LD_PRELOAD": "/x.so"}},
            "LD_PRELOAD cannot be a parameter: it would decide which programs run",
        ),
        ({"repo_url": "https://[::1/x"}, "the clone URL cannot be read"),
        ({"context": "/\0"}, "a value of the build holds a NUL character"),
    ],
)
async def test_a_request_that_cannot_be_built_is_rejected(
    site: LocalSite, origin: Origin, changes: dict[str, Any], why: str
) -> None:
    assert await site.builder("true").trigger(request(origin, "0" * 40, **changes)) == Rejected(why)
    assert not site.state.exists()


@pytest.mark.parametrize("handle", ["../b1", "", "a/b", ".", "b1\n"])
async def test_a_foreign_handle_leads_nowhere(site: LocalSite, handle: str) -> None:
    builder = site.builder("true")
    with pytest.raises(Permanent):
        await builder.release(handle)
    with pytest.raises(Permanent):
        await builder.log(handle, 0)
    assert (await builder.poll({"b1": handle}))["b1"].raw == "gone"


def test_a_command_excludes_an_engine() -> None:
    with pytest.raises(ValidationError, match="remove `engine`, `registry`, or remove `command`"):
        LocalSettings.model_validate({"command": ["make"], "engine": "docker", "registry": "r.example.com"})


async def test_the_test_call_says_what_would_be_run(site: LocalSite) -> None:
    assert await site.builder("true").test() == "/bin/sh can be run"
    assert await site.builder(command=["./build"]).test() == "./build will be looked for in each checkout"
    with pytest.raises(Permanent, match="not installed"):
        await site.builder(command=["no-such-program"]).test()


async def test_as_many_builds_may_be_open_as_there_are_workers(site: LocalSite) -> None:
    assert site.builder("true", workers=5).slots == 5
