"""`sources list` and `sources test`: what a build would fetch with, asked of real hosts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.commands import Done, command
from support.daemon import SECRET, Daemon
from support.git import Origin, serve_http
from support.reconciling import keep_missed
from support.records import filled
from support.rules import shop_rule
from support.scripted import Store
from support.sshd import serve_ssh

from bridge.runtime.clock import system_clock

TOKEN = "canary-0123456789"
NAMED = "\n  code_repo_namespace: acme\n  code_repo_name: shop"
HERE = {"here": {"kind": "local", "command": ["true"], "protocols": ["http", "ssh", "file"]}}


@pytest.fixture
def origin(tmp_path: Path) -> Origin:
    made = Origin(tmp_path / "acme")
    made.commit({"hello": "hello"})
    made.push()
    made.remote.rename(tmp_path / "acme" / "shop.git")
    return made


@pytest.fixture
def base(tmp_path: Path, origin: Origin) -> Iterator[str]:
    assert origin.work.exists()
    with serve_http(tmp_path, user="oauth2", password=TOKEN) as served:
        yield served


def asked(folder: Path, clone: dict[str, Any] | None, *arguments: str, rule: str = "") -> Done:
    source = {"kind": "GitLab", "secrets": [SECRET], **({"clone": clone} if clone else {})}
    text = rule or shop_rule("https://x/y").replace(
        "code_repo_client: Simple", "code_repo_client: GitLab"
    ).replace('code_repo_clone_url: "https://x/y"', NAMED.strip())
    settings = {
        "sources": {"hub": source, "plain": {"kind": "Simple", "secrets": [SECRET]}},
        "builders": HERE,
    }
    (folder / "daemon").mkdir(parents=True, exist_ok=True)
    daemon = Daemon(folder / "daemon", settings, {"shop.yaml": text})
    return command("--config", daemon.config, "sources", *arguments)


def test_a_private_repository_of_the_rules_is_asked_for_its_refs(tmp_path: Path, base: str) -> None:
    done = asked(tmp_path, {"url": base, "token": TOKEN}, "test", "hub")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.startswith(
        f"ok: {base}/acme/shop.git answers with `sources.hub.clone`: 2 refs, HEAD is "
    )


def test_what_a_build_would_fail_with_is_said_with_its_cure_and_without_the_token(
    tmp_path: Path, base: str
) -> None:
    elsewhere = {"url": "http://127.0.0.1:1", "token": TOKEN}
    away = ("--clone-url", f"{base}/acme/shop.git")
    for number, (clone, options, problem) in enumerate(
        [
            ({"url": base, "token": "canary-wrong"}, (), "the token of `sources.hub.clone` may not read it"),
            (elsewhere, (), "check address, port and firewall"),
            (elsewhere, away, f"give `sources.hub.clone` a token for {base}"),
            (None, away, f"give `sources.hub.clone` a token for {base}"),
            (None, (), "no push has named the clone URL yet: give --clone-url"),
        ]
    ):
        done = asked(tmp_path / str(number), clone, "test", "hub", *options)
        assert (done.status, done.stdout) == (1, "")
        assert problem in done.complaint
        assert "canary" not in done.complaint


def test_a_deploy_key_is_tried_over_ssh(tmp_path: Path, origin: Origin) -> None:
    with serve_ssh(tmp_path / "sshd") as ssh:
        clone = {"url": "https://127.0.0.1", "ssh_key": ssh.key, "known_hosts": ssh.known_hosts}
        url = ssh.url(origin.work.parent / "shop.git")
        rule = (
            shop_rule(url)
            .replace("Simple", "GitLab")
            .replace("\n  code_repo_clone", f"{NAMED}\n  code_repo_clone")
        )
        done = asked(tmp_path, clone, "test", "hub", "acme/shop", rule=rule)
        away = asked(tmp_path, clone, "test", "hub", "--clone-url", f"{url}x")
    assert away.complaint.startswith("acme/shop: the push names another repository, ")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.startswith(f"ok: {url} answers with `sources.hub.clone`: 2 refs")


def test_a_source_without_rules_or_that_is_not_there_is_reported(tmp_path: Path) -> None:
    assert asked(tmp_path, None, "test", "bub").complaint == (
        "there is no source bub; the configuration has hub, plain"
    )
    assert asked(tmp_path, None, "test", "plain").complaint == (
        "no rule builds what is pushed to plain: write one first"
    )
    said = asked(tmp_path, None, "test", "hub", "acme/shp").complaint
    assert said == "no rule acme/shp builds what is pushed to hub; did you mean acme/shop?"


def test_sources_are_listed_with_what_they_fetch_with(tmp_path: Path) -> None:
    hub, plain = asked(tmp_path, {"token": {"file": "gone"}}, "list", "--json").documents
    assert hub == {
        "name": "hub",
        "kind": "GitLab",
        "host": "https://gitlab.com",
        "fetches_with": "token",
        "rules": 1,
    }
    assert (plain["host"], plain["fetches_with"], plain["rules"]) == (None, None, 0)
    assert "canary" not in asked(tmp_path, {"token": TOKEN}, "list").stdout


def test_missed_pushes_are_listed_and_in_the_status_for_a_day(daemon: Daemon) -> None:
    async def fill(store: Store) -> None:
        await keep_missed(store, "old", at=system_clock() - 90_000)
        await keep_missed(store, "first", "second", at=system_clock() - 80_000)

    assert command("--config", daemon.config, "sources", "missed", "--json").documents == []
    filled(daemon, fill)
    found = command("--config", daemon.config, "sources", "missed", "--json").documents
    assert [(one["reason"], one["state"]) for one in found] == [
        ("second", "built"),
        ("first", "named"),
        ("old", "named"),
    ]
    assert found[0] | {"at": ""} == {
        "at": "",
        "source": "gitea",
        "repo": "acme/shop",
        "ref": "refs/heads/main",
        "before": None,
        "after": "1" * 40,
        "state": "built",
        "reason": "second",
        "delivery_id": None,
    }
    assert (
        command("--config", daemon.config, "sources", "missed", "--limit", "1", "--json").documents
        == found[:1]
    )
    (status,) = command("--config", daemon.config, "status", "--json").documents
    assert status["missed"] == found[:2]
    shown = command("--config", daemon.config, "status").stdout
    assert "pushes of the last day that no webhook reported" in shown
