"""What other commands make of repositories in the store, and `db export`."""

from pathlib import Path

import anyio
import pytest
import yaml
from support.commands import Done, command
from support.daemon import SECRET, Daemon
from support.engines import execute, spoil, unmake, url_of
from support.rules import shop_rule
from support.scripted import open_store
from support.stored import DISABLED, document, put
from support.trail import change_by, earlier_repositories

from bridge.model.repository import RepositoryChange
from bridge.store.open import is_made

URL = "https://git.example.com/shop.git"
TOOL = document("tool", code_repo_namespace="acme") | {"is_public": True}
ALICE = "API (alice, 2023-11-14T22:13:20Z)"
BOB = "bob (2023-11-14T22:14:20Z)"


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    """A configuration; no daemon runs."""
    config = {
        "sources": {
            "plain": {"kind": "Simple", "secrets": [SECRET]},
            "gitee": {"kind": "Gitee", "secrets": [SECRET]},
        },
        "builders": {"here": {"kind": "local", "command": ["true"]}},
    }
    return Daemon(tmp_path, config, {"shop.yaml": shop_rule(URL)})


@pytest.fixture
def stored(daemon: Daemon) -> Daemon:
    """With a repository and a disabled one in its store."""

    async def work() -> None:
        daemon.database.parent.mkdir()
        async with open_store(daemon.database.parent) as store:
            await store.repositories.take({}, [], [], put(TOOL))
            off = RepositoryChange(
                key=("acme", "shop"), entry=change_by("bob"), repository=None, override=DISABLED
            )
            await store.repositories.take({}, [], [], off)

    anyio.run(work)
    return daemon


def run(daemon: Daemon, *arguments: str | Path) -> Done:
    return command("--config", daemon.config, *arguments)


def test_check_counts_and_names_what_was_made_by_api(stored: Daemon) -> None:
    done = run(stored, "check")
    assert (done.status, done.stderr) == (0, "")
    place = f"{stored.folder}/rules/shop.yaml:3:1"
    assert f"warning: {place}: acme/shop was disabled by {BOB}: it costs too much" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("valid, with 2 build repositories")


def test_explain_says_where_a_rule_is_from_and_who_disabled_it(stored: Daemon) -> None:
    done = run(stored, "explain", "--push", "gitee:acme/tool@master")
    shop = f"  acme/shop  ({stored.folder}/rules/shop.yaml:3:1; was disabled by {BOB}: it costs too much)"
    assert done.stdout.splitlines() == [
        "gitee acme/tool: push of branch master",
        f"  acme/tool  ({ALICE})",
        "    tag_configs[0]  builds latest on here",
        shop,
        "    not: builds from Simple https://git.example.com/shop.git",
    ]
    (found,) = run(stored, "explain", "--push", "gitee:acme/tool@master", "--json").documents
    assert [(one["place"], one["changed"]) for one in found["matches"]] == [(ALICE, [])]


def test_a_build_by_hand_knows_what_was_made_by_api(stored: Daemon) -> None:
    done = run(stored, "builds", "trigger", "acme/tool", "--branch", "master")
    assert done.complaint.startswith("no push has named the clone URL yet")


def test_a_clash_is_a_fault_of_check(stored: Daemon) -> None:
    (stored.folder / "rules" / "tool.yaml").write_text(shop_rule(URL, name="tool"))
    done = run(stored, "check")
    assert done.status == 1
    assert f"tool.yaml:3:1: repo_name: acme/tool is defined here and also by the {ALICE}" in done.stdout


def test_without_a_store_there_is_nothing_to_say_and_none_is_made(daemon: Daemon) -> None:
    unmake(daemon.database)
    done = run(daemon, "check")
    assert (done.stderr, done.stdout.endswith("valid, with 1 build repository\n")) == ("", True)
    done = run(daemon, "db", "export")
    assert (done.status, done.stdout, done.complaint) == (0, "", "0 repositories made or changed by API")
    assert not daemon.database.parent.exists()
    assert not is_made(url_of(daemon.database))


def test_a_store_that_cannot_be_read_is_named_and_the_files_are_explained(daemon: Daemon) -> None:
    spoil(daemon.database)
    done = run(daemon, "explain", "--push", "simple:https://git.example.com/shop.git@main")
    assert "what was made by API is not known now, and left out" in done.stderr
    assert "acme/shop" in done.stdout
    assert "is not known now" in run(daemon, "db", "export").complaint


def test_the_exported_files_are_good_rules(stored: Daemon) -> None:
    folder = stored.folder / "exported"
    done = run(stored, "db", "export", folder)
    assert (done.status, done.complaint) == (0, "2 repositories made or changed by API")
    assert sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.yaml")) == [
        "acme/shop.yaml",
        "acme/tool.yaml",
    ]
    assert run(stored, "db", "export", folder).complaint == f"{folder} is not empty: name another folder"
    printed = run(stored, "db", "export").stdout
    assert printed == "---\n".join(
        (folder / "acme" / name).read_text() for name in ("shop.yaml", "tool.yaml")
    )
    unmake(stored.database)
    (stored.folder / "rules" / "shop.yaml").unlink()
    (stored.folder / "rules" / "all.yaml").write_text(printed)
    done = run(stored, "check")
    assert done.status == 0, done.stdout
    assert done.stdout.endswith(": valid, with 2 build repositories\n")


def test_a_repository_that_keeps_the_daemon_from_starting_is_named_and_can_be_deleted(
    daemon: Daemon,
) -> None:
    more = {"builder": "gone", "parameters": {"SIGNING_KEY": "hunter2"}}
    lost = document("tool") | {"build_config": document("tool")["build_config"] | more}

    async def store_it() -> None:
        daemon.database.parent.mkdir()
        async with open_store(daemon.database.parent) as store:
            await earlier_repositories(store).take({}, [], [], put(lost))

    anyio.run(store_it)
    fault = "build_config.builder: there is no builder gone; known are here"
    cure = "(put right what it needs, or delete acme/tool: `buildbridge db delete acme/tool`)"
    assert f"{ALICE}: {fault} {cure}" in run(daemon, "check").stdout
    done = run(daemon, "db", "delete", "acme/tool")
    assert (done.status, done.stderr) == (0, "")
    assert yaml.safe_load(done.stdout) == lost
    assert run(daemon, "check").status == 0
    (entry,) = run(daemon, "audit", "list", "--json").documents
    assert (entry["action"], entry["subject"], entry["origin"]) == ("repository.deleted", "acme/tool", "cli")
    masked = {"builder": "gone", "parameters": {"SIGNING_KEY": "***"}}
    assert entry["before"] == lost | {"build_config": lost["build_config"] | masked}
    again = run(daemon, "db", "delete", "acme/tool")
    assert again.complaint == (
        "no repository acme/tool was made by API: one of a file is deleted in its file"
    )


def test_what_is_damaged_is_printed_as_it_is_and_deleted(stored: Daemon) -> None:
    execute(stored.database, "UPDATE repository SET document = '{half'")
    assert run(stored, "db", "delete", "acme/tool").stdout == "{half"
    assert run(stored, "check").stdout.splitlines()[-1].endswith("valid, with 1 build repository")
