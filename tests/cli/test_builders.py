"""`builders test`: one harmless call, and what it showed; `builders setup`: what the job needs."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import Done, command
from support.daemon import SECRET, Daemon
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins
from support.jenkins_builds import JOB, declare
from support.rules import shop_rule

HERE = {"kind": "local", "command": ["true"]}
PLAIN = {"plain": {"kind": "Simple", "secrets": [SECRET]}}


def asked(folder: Path, jenkins: FakeJenkins, **changes: Any) -> Done:
    """The command for a configuration without a store."""
    settings = {"url": jenkins.url, "username": "ci", "token": jenkins.token, "job": JOB} | changes
    daemon = Daemon(folder, {"builders": {"ci": {"kind": "jenkins"} | settings, "here": HERE}}, {})
    return command("--config", daemon.config, "builders", "test", "ci")


def test_a_builder_that_would_build_is_good(tmp_path: Path) -> None:
    with fake_jenkins() as jenkins:
        declare(jenkins)
        done = asked(tmp_path, jenkins)
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.startswith("ok: signed in as ci by `token`; the job ")
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".db"] == []


@pytest.mark.parametrize("changes", [{"token": "another-canary"}, {"job": "gone"}])
def test_a_builder_that_would_not_is_reported_in_one_line_without_secrets(
    changes: dict[str, str], tmp_path: Path
) -> None:
    with fake_jenkins() as jenkins:
        declare(jenkins)
        done = asked(tmp_path, jenkins, **changes)
        assert (done.status, done.stdout) == (1, "")
        assert done.complaint.startswith("ci: ")
        assert "canary" not in done.complaint


def test_a_builder_that_is_not_there_is_reported(tmp_path: Path) -> None:
    daemon = Daemon(tmp_path, {"builders": {"here": HERE}}, {})
    done = command("--config", daemon.config, "builders", "test", "there")
    assert done.complaint == "there is no builder there; the configuration has here"
    assert command("--config", daemon.config, "builders", "test", "here").stdout.endswith("true can be run\n")


def set_up(folder: Path, jenkins: FakeJenkins, *options: str, name: str = "ci") -> Done:
    settings = {"url": jenkins.url, "username": "ci", "token": jenkins.token, "job": JOB}
    builders = {"ci": {"kind": "jenkins"} | settings, "docs": {"server": "ci", "job": "docs"}, "here": HERE}
    rules = {
        f"{builder}.yaml": shop_rule(
            "https://git.example.com/acme/shop.git", name=builder, builder=builder, parameters=parameters
        )
        for builder, parameters in (("ci", "{FLAVOUR: debug}"), ("docs", "{THEME: dark}"))
    }
    daemon = Daemon(folder, {"builders": builders, "sources": PLAIN}, rules)
    return command("--config", daemon.config, "builders", "setup", name, *options)


def test_what_the_job_lacks_is_shown_as_a_document_and_added_on_request(tmp_path: Path) -> None:
    with fake_jenkins() as jenkins:
        declare(jenkins)
        shown = set_up(tmp_path, jenkins)
        assert shown.status == 0
        assert "with --apply" in shown.complaint
        assert "<name>FLAVOUR</name>" in shown.stdout
        assert "THEME" not in shown.stdout, "the parameter of a rule of another builder"
        done = set_up(tmp_path, jenkins, "--apply")
        assert (done.status, done.stderr) == (0, "")
        assert done.stdout.startswith("ok: the job 'docker/build-image' now declares VERSION_TAG, ")
        assert done.stdout.endswith("DOCKERFILE, FLAVOUR, too\n")
        shown = set_up(tmp_path, jenkins)
        assert (shown.status, shown.stdout) == (0, "")
        assert shown.complaint.endswith("declares all 12 parameters")


def test_a_job_that_is_missing_is_shown_as_a_file_that_makes_it(tmp_path: Path) -> None:
    with fake_jenkins() as jenkins:
        shown = set_up(tmp_path, jenkins, name="docs")
        assert shown.stdout.startswith("<?xml version='1.1' encoding='UTF-8'?>\n<project>")
        assert "THEME" in shown.stdout
        assert set_up(tmp_path, jenkins, "--apply", name="docs").status == 0
        assert jenkins.jobs["docs"].config.decode() == shown.stdout


def test_a_setup_that_fails_or_has_nothing_to_set_up_is_told(tmp_path: Path) -> None:
    with fake_jenkins() as jenkins:
        done = set_up(tmp_path, jenkins, "--apply")
        assert (done.status, done.stdout) == (1, "")
        assert done.complaint.startswith("ci: there is no folder 'docker'")
        done = set_up(tmp_path, jenkins, name="here")
        assert (done.status, done.stdout) == (1, "")
        assert "there is no job to set up" in done.complaint
        assert set_up(tmp_path, jenkins, name="there").complaint.startswith("there is no builder there")
