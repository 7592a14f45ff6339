"""`builds retry`: another run of a build, and what `show` and `log` then say."""

import pytest
from support.daemon import Daemon
from support.records import fails, filled, good, one_build, run
from support.scripted import Store, quiet

from bridge.model.build import BuildState


async def failed_once(store: Store) -> None:
    build = await store.add_build()
    await store.builds.append_log(build.id, "it broke\n", 9, restarted=False)
    await store.builds.transition(build.id, BuildState.FAILED, quiet, detail="exit status 1")


def test_a_build_that_has_ended_runs_once_more(daemon: Daemon) -> None:
    filled(daemon, failed_once)
    said = good(daemon, "builds retry acme/shop#1").stdout
    assert said.startswith("acme/shop #1 waits: run 2, asked for by ")
    (document,) = good(daemon, "builds show --json acme/shop#1").documents
    assert (document["state"], document["run"], document["detail"]) == ("waiting", 2, "")
    assert document["retried_by"] == said.split()[-1]
    assert [(one["run"], one["state"], one["detail"]) for one in document["runs"]] == [
        (1, "failed", "exit status 1"),
        (2, "waiting", ""),
    ]
    assert [one["run_id"] for one in document["runs"]] == [document["build_id"], f"{document['build_id']}.2"]
    assert [step["what"] for step in document["timeline"]] == ["waiting"]
    assert fails(daemon, "builds retry acme/shop#1") == (
        "acme/shop #1 has not ended: it is waiting. Cancel it, or wait until it has ended"
    )


def test_each_run_is_shown_with_its_own_log_and_timeline(daemon: Daemon) -> None:
    filled(daemon, failed_once)
    good(daemon, "builds retry acme/shop#1")
    assert good(daemon, "builds log --run 1 acme/shop#1").stdout == "it broke\n"
    newest = run(daemon, "builds log acme/shop#1")
    assert (newest.status, newest.stdout) == (0, "")
    (document,) = good(daemon, "builds show --run 1 --json acme/shop#1").documents
    assert (document["state"], document["run"]) == ("failed", 1)
    assert [step["what"] for step in document["timeline"]] == ["waiting", "failed", "retried"]
    card = good(daemon, "builds show acme/shop#1").stdout
    assert "exit status 1" in card, "the table of the runs"
    assert fails(daemon, "builds show --run 3 acme/shop#1") == "acme/shop #1 has no run 3, only 1 to 2"


def test_a_run_is_found_by_the_id_that_its_builder_shows(daemon: Daemon) -> None:
    filled(daemon, failed_once)
    good(daemon, "builds retry acme/shop#1")
    (newest,) = good(daemon, "builds show --json acme/shop#1").documents
    build_id = newest["build_id"]
    assert good(daemon, "builds show --json", f"{build_id}.2").documents == [newest]
    assert good(daemon, "builds show --json", build_id).documents == [newest]
    assert fails(daemon, "builds show", f"{build_id}.3").startswith("there is no build ")


def test_a_build_with_one_run_has_no_table_of_runs(daemon: Daemon) -> None:
    one_build(daemon)
    assert "retried by" not in good(daemon, "builds show acme/shop#1").stdout


@pytest.mark.parametrize("name", ["none", "acme/shop#2"])
def test_a_build_that_there_is_not_is_not_retried(daemon: Daemon, name: str) -> None:
    one_build(daemon)
    assert fails(daemon, "builds retry", name) == f"there is no build {name}: see `builds list`"
