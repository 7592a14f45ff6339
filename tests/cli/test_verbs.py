"""What operators do each day: they follow and retry builds, and look at deliveries and notices."""

import json
import logging
import re
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from support.commands import logs_as_before
from support.daemon import Daemon, running
from support.listed import add_notice
from support.records import CONFIG, RULE, fails, filled, good, one_build, run
from support.scripted import SHA, Store, delivery_of, open_store, quiet
from support.sending import push_body, send
from support.waiting import eventually

from bridge.cli.setup import begin_log
from bridge.model.build import BuildState
from bridge.model.notice import NoticeState
from bridge.runtime.clock import system_clock

URL = "https://git.example.com/shop.git"
SCRIPTED: dict[str, Any] = {**CONFIG, "builders": {"here": {"kind": "dummy", "duration": "0s"}}}


async def ended(store: Store, key: str, state: BuildState = BuildState.FAILED, **changes: Any) -> str:
    """A build that has ended just now."""
    build = await store.add_build(key, **changes)
    await store.builds.transition(build.id, state, quiet, ended_at=system_clock())
    return build.id


def test_a_record_is_found_by_the_beginning_or_the_end_of_its_id(daemon: Daemon) -> None:
    builds = [one_build(daemon, key=str(number)) for number in range(3)]
    first = builds[0]
    for name in (first.id[-8:], first.id[:-1], f"{first.id}"):
        assert good(daemon, "builds show --json", name).documents[0]["number"] == 1
    for name in ("acme/shop#1", "acme/shop #1"):
        assert good(daemon, "builds show --json", name).documents[0]["build_id"] == first.id
    delivery = first.origin.delivery_id
    assert good(daemon, "deliveries show --json", delivery[-6:]).documents[0]["id"] == delivery
    prefix = first.id[:6]
    said = fails(daemon, "builds show", prefix)
    assert said.startswith(f"{prefix} may be each of these: ")
    for number, build in enumerate(builds, start=1):
        assert f"{build.id} (acme/shop #{number})" in said


def test_a_notice_is_found_by_what_its_message_shows_of_it(daemon: Daemon) -> None:
    filled(daemon, lambda store: add_notice(store, "0199aaaa-bbbb-7ccc-8ddd-0123456789ab"))
    (document,) = good(daemon, "notices show --json N-456789ab").documents
    assert document["id"] == "0199aaaa-bbbb-7ccc-8ddd-0123456789ab"
    assert fails(daemon, "notices show N-none") == "there is no notice none: see `notices list`"


def test_lists_are_narrowed_by_builder_source_repository_and_time(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        store.clock.now = system_clock() - 7200
        await store.add_build("old")
        store.clock.now = system_clock() - 60
        await store.add_build("new")
        await store.add_build("there", builder="there", repo_name="tool")
        await store.deliveries.put(delivery_of("other", store.clock(), source="other"))

    filled(daemon, fill)

    def numbers(line: str) -> list[tuple[str, int]]:
        found = good(daemon, f"builds list --json {line}").documents
        return [(one["repo_name"], one["number"]) for one in found]

    assert numbers("--since 1h") == [("tool", 1), ("shop", 2)]
    assert numbers("--builder there") == [("tool", 1)]
    assert numbers("--builder here --since 1h --limit 1") == [("shop", 2)]
    assert numbers("--since 2001-01-01") == [("tool", 1), ("shop", 2), ("shop", 1)]

    def keys(line: str) -> list[str]:
        return [one["key"] for one in good(daemon, f"deliveries list --json {line}").documents]

    assert keys("--since 1h") == ["other", "there", "new"]
    assert keys("--source other") == ["other"]
    assert keys("--repository acme/shop") == ["new", "old"]
    assert keys("--repository acme/shop --source plain --since 1h --state dispatched") == ["new"]
    assert keys("--repository acme/shop --source other") == []


def test_what_goes_wrong_beside_a_command_is_not_among_what_it_prints(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with logs_as_before():
        begin_log()
        logging.getLogger("asyncio").error("a task has failed")
    printed, said = capsys.readouterr()
    assert (printed, json.loads(said)["event"]) == ("", "a task has failed")


@pytest.mark.parametrize("value", ["yesterday", "2", "5y", "2026-13-01", "99999999999d"])
def test_a_time_that_is_none_is_wrong_use(daemon: Daemon, value: str) -> None:
    done = run(daemon, f"builds list --since {value}")
    assert done.status == 2
    assert "neither a time, such as 2026-11-21T08:00:00+08:00, nor an age" in done.complaint


def test_what_a_host_sent_is_printed_and_exported_as_explain_reads_it(tmp_path: Path) -> None:
    with running(tmp_path, SCRIPTED, {"shop.yaml": RULE.format(url=URL)}) as daemon:
        delivery = send(daemon.url, body := push_body(URL)).json()["id"]
        eventually(lambda: daemon.builds(state="succeeded"))
        assert good(daemon, f"deliveries show --body {delivery}").stdout.encode() == body
        headers = good(daemon, f"deliveries show --headers {delivery}").stdout
        assert re.search(r"^webhook-id: \S+$", headers, re.MULTILINE)
        assert "webhook-signature" not in headers
        case = tmp_path / "a" / "case"
        said = good(daemon, f"deliveries show --export {case} {delivery}").stdout
        assert said == f"{case / delivery}.body\n"
        assert {file.stat().st_mode & 0o777 for file in case.iterdir()} == {0o600}
        explained = good(daemon, f"explain --json {case}").documents
    assert [(one["repo"], one["ref_name"]) for one in explained] == [("acme/shop", "main")]
    assert [one["builder"] for one in explained[0]["matches"]] == ["here"]
    assert explained[0]["signature"] == "absent", "it stays out of what is kept"


def test_an_export_that_cannot_be_written_is_reported(daemon: Daemon) -> None:
    delivery = one_build(daemon).origin.delivery_id
    said = fails(daemon, f"deliveries show --export {daemon.config}/x {delivery}")
    assert said == f"{daemon.config}/x cannot be written: Not a directory"


def test_what_failed_since_a_time_runs_once_more_but_no_code_takes_tags_of_newer_code(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        store.clock.now = system_clock() - 7200
        await ended(store, "before")
        store.clock.now = system_clock() - 600
        await ended(store, "older")
        await ended(store, "newer", BuildState.UNKNOWN)
        await ended(store, "tool", repo_name="tool")
        await ended(store, "good", BuildState.CANCELLED, repo_name="good")
        await ended(store, "overtaken", repo_name="web")
        await store.add_build("running", repo_name="web")

    filled(daemon, fill)
    done = run(daemon, "builds retry --failed-since 1h --repository acme/tool")
    assert (done.status, done.complaint) == (0, "1 build run once more")
    done = run(daemon, "builds retry --failed-since 1h")
    assert [line.partition(" waits")[0] for line in done.stdout.splitlines()] == ["acme/shop #3"]
    assert done.stderr.splitlines() == [
        "acme/web #1 is left out: #2 has newer code",
        "acme/shop #2 is left out: #3 has newer code",
        "acme/shop #1 is left out: #3 has newer code",
        "1 build run once more",
    ]
    runs = {one["build"]: one["run"] for one in good(daemon, "builds list --json").documents}
    assert {name for name, number in runs.items() if number == 2} == {"acme/tool #1", "acme/shop #3"}
    actions = [one["action"] for one in good(daemon, "audit list --json").documents]
    assert actions == ["build.retried", "build.retried"]


def test_a_build_of_other_tags_hides_no_newer_build_of_the_same_ones(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        store.clock.now = system_clock() - 600
        for key, state, tags in (
            ("first", BuildState.FAILED, ("api",)),
            ("second", BuildState.SUCCEEDED, ("api", "latest")),
            ("third", BuildState.SUCCEEDED, ("web",)),
        ):
            await ended(store, key, state, tags=tags)

    filled(daemon, fill)
    done = run(daemon, "builds retry --failed-since 1h")
    assert done.stderr.splitlines() == [
        "acme/shop #1 is left out: #2 has newer code",
        "0 builds run once more",
    ]


def test_a_build_that_waited_for_days_before_it_failed_runs_once_more(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        store.clock.now = system_clock() - 5 * 86400
        await ended(store, "late")
        await ended(store, "followed", repo_name="tool")
        store.clock.now = system_clock() - 4 * 86400
        await store.add_build("follows", repo_name="tool")

    filled(daemon, fill)
    done = run(daemon, "builds retry --failed-since 1h")
    assert [line.partition(" waits")[0] for line in done.stdout.splitlines()] == ["acme/shop #1"]
    assert done.stderr.splitlines() == [
        "acme/tool #1 is left out: #2 has newer code",
        "1 build run once more",
    ]


@pytest.mark.parametrize("arguments", ["", "x --failed-since 1h", "x --repository acme/shop"])
def test_what_to_retry_is_said_once(daemon: Daemon, arguments: str) -> None:
    assert run(daemon, f"builds retry {arguments}").status == 2


def test_builds_are_followed_to_their_end_and_the_exit_status_is_theirs(tmp_path: Path) -> None:
    with running(tmp_path, SCRIPTED, {"shop.yaml": RULE.format(url=URL)}) as daemon:
        made = run(daemon, f"builds trigger acme/shop --branch main --commit {SHA} --wait --timeout 60")
        assert made.status == 0
        states = [line.split("  ")[2] for line in made.stdout.splitlines() if "acme/shop #1  " in line][1:]
        assert states[-1] == "succeeded"
        delivery = made.stdout.split()[1]
        again = run(daemon, f"deliveries redeliver {delivery} --wait")
        assert (again.status, again.stdout.splitlines()[-1].split("  ")[2]) == (0, "succeeded")
        retried = run(daemon, "builds retry acme/shop#1 --wait")
        assert (retried.status, retried.stdout.splitlines()[-1].split("  ")[2]) == (0, "succeeded")
        log = run(daemon, "builds log acme/shop#1 -f")
        assert (log.status, log.complaint.split(":")[0]) == (0, "acme/shop #1 succeeded")


def test_what_has_not_ended_in_time_is_told_by_the_exit_status(daemon: Daemon) -> None:
    asked = f"builds trigger acme/shop --branch main --commit {SHA} --wait --timeout 0"
    assert run(daemon, asked).status == 4
    build_id: str = filled(daemon, lambda store: ended(store, "1"))
    done = run(daemon, f"builds retry {build_id} --wait --timeout 0")
    assert (done.status, done.stdout.splitlines()[-1].split("  ")[1:]) == (4, ["acme/shop #1", "waiting"])


async def test_a_log_is_followed_as_it_grows_until_the_build_ends(daemon: Daemon) -> None:
    async with open_store(daemon.database.parent) as store:
        build = await store.add_build()
        await store.builds.append_log(build.id, "one\ntwo\n", 8, restarted=False)
        for state in (BuildState.TRIGGERING, BuildState.QUEUED, BuildState.RUNNING):
            await store.builds.transition(build.id, state, quiet)
        async with anyio.create_task_group() as tasks:
            done: list[Any] = []

            async def follow() -> None:
                line = "builds log --follow --tail 1 acme/shop#1"
                done.append(await anyio.to_thread.run_sync(run, daemon, line))

            tasks.start_soon(follow)
            await store.builds.append_log(build.id, "three\n", 14, restarted=False)
            await store.builds.transition(build.id, BuildState.FAILED, quiet, detail="exit status 2")
    (followed,) = done
    assert followed.stdout in {"two\nthree\n", "three\n"}
    assert (followed.status, followed.complaint) == (1, "acme/shop #1 failed: exit status 2")


def test_only_the_end_of_a_log_is_printed_on_request(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        build = await store.add_build()
        for number in range(20):
            await store.builds.append_log(build.id, f"step {number}\n", number, restarted=False)

    filled(daemon, fill)
    assert good(daemon, "builds log --tail 2 acme/shop#1").stdout == "step 18\nstep 19\n"
    assert good(daemon, "builds log --tail 0 acme/shop#1").stdout == ""
    assert good(daemon, "builds log --tail 100 acme/shop#1").stdout.count("\n") == 20


def test_a_notice_that_waits_is_dropped_and_lets_the_next_one_go(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        build = await store.add_build()
        await add_notice(store, "first", build)
        await add_notice(store, "second", build)
        await add_notice(store, "sent", ended=NoticeState.SENT)

    filled(daemon, fill)
    assert good(daemon, "notices show --json second").documents[0]["detail"] == "behind notice first"
    assert good(daemon, "notices drop first").stdout == "dropped first\n"
    (document,) = good(daemon, "notices show --json first").documents
    assert (document["state"], document["reason"]) == ("dead", "dropped")
    assert document["detail"].startswith("dropped by ")
    assert good(daemon, "notices show --json second").documents[0]["detail"] == ""
    assert fails(daemon, "notices drop first") == "first does not wait: it is dead"
    assert fails(daemon, "notices drop sent") == "sent does not wait: it is sent"
    (entry,) = good(daemon, "audit list --json").documents
    assert (entry["action"], entry["subject"]) == ("notice.dropped", "first")


def test_a_notice_that_the_fallback_sends_is_listed_with_the_channel_that_it_was_for(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        await add_notice(store, "moved", channel="team")
        assert await store.notices.move("team", "mail") == 1
        await add_notice(store, "stays", channel="team")

    filled(daemon, fill)
    listed = good(daemon, "notices list --json").documents
    assert {one["id"]: (one["channel"], one["moved_from"]) for one in listed} == {
        "moved": ("mail", "team"),
        "stays": ("team", None),
    }
    assert "mail (for team)" in good(daemon, "notices list").stdout
    (story,) = good(daemon, "notices show --json moved").documents
    assert story["moved_from"] == "team"
    assert story["timeline"][-1]["detail"] == "to mail: team is out of order"
