"""`builders test`: one harmless call, and what it showed."""

from pathlib import Path
from typing import Any

import pytest
from support.commands import Done, command
from support.daemon import Daemon
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins
from support.jenkins_builds import JOB, declare

HERE = {"kind": "local", "command": ["true"]}


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
    assert done.stdout.startswith("ok: signed in as ci; the job ")
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
