"""`help`: every guide by its name, in the language of the reader."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import command

from bridge.registry import BUILDERS, CHANNELS, FORGE_ADAPTERS


def test_the_list_has_every_guide_with_its_title() -> None:
    said = command("help").stdout
    for adapters in (FORGE_ADAPTERS, BUILDERS, CHANNELS):
        for kind in adapters:
            file = Path(str(adapters.folder(kind))) / "guide.en.md"
            if file.is_file():
                title = file.read_text().partition("\n")[0].removeprefix("# ")
                assert f"  {file.parent.name.replace('_', '-')} " in said
                assert title in said
    assert "  api  " in said


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("jenkins", "# Jenkins\n"),
        ("BitbucketServer", "# Bitbucket Server and Data Center\n"),
        ("github_actions", "# GitHub Actions\n"),
        ("api", "# The API, by examples\n"),
    ],
)
def test_a_topic_is_printed_as_it_stands_whichever_way_it_is_written(name: str, begins: str) -> None:
    done = command("help", name)
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.startswith(begins)


def test_a_name_of_a_host_and_a_builder_prints_both() -> None:
    said = command("help", "codearts").stdout
    assert said.startswith("# CodeArts Repo")
    assert "\n# Huawei CodeArts Build\n" in said


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("jenkns", "the nearest: jenkins"),
        ("hub", "the nearest: github, github-actions"),
        ("zzz", "`buildbridge help` lists them"),
    ],
)
def test_of_an_unknown_topic_the_nearest_are_named(name: str, cure: str) -> None:
    done = command("help", name)
    assert (done.status, done.stdout) == (1, "")
    assert done.complaint == f"there is no topic {name}: {cure}"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_marks_for_our_tests_are_not_printed(language: str) -> None:
    for topic, marked in (("install", "```sh\nmkdir first"), ("systemd", "```sh\nopenssl rand")):
        said = command("help", topic, "--language", language).stdout
        assert f"\n\n{marked}" in said
        assert "<!--" not in said


def test_the_name_of_a_command_shows_its_own_help() -> None:
    assert command("help", "check").stdout.startswith("Usage: buildbridge check")


@pytest.mark.parametrize(
    ("locale", "file", "option", "chinese"),
    [
        ("zh_CN.UTF-8", "en", None, True),
        ("en_GB.UTF-8", "zh-CN", None, False),
        ("C.UTF-8", "zh-CN", None, True),
        ("de_DE.UTF-8", None, None, False),
        ("zh_CN.UTF-8", "zh-CN", "en", False),
        ("en_GB.UTF-8", None, "zh-CN", True),
    ],
)
def test_the_language_is_that_of_the_option_else_of_the_locale_else_of_the_file(
    locale: str,
    file: str | None,
    option: str | None,
    *,
    chinese: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LANG", locale)
    config = tmp_path / "bridge.yaml"
    config.write_text(
        "sources: {git: {kind: Simple, secrets: [{env: SECRET}]}}\n" + (f"language: {file}\n" if file else "")
    )
    given = ["--language", option] if option else []
    said = command("--config", config, "help", "jenkins", *given).stdout
    assert ("## 配置\n" in said) is chinese
    assert ("## Configuration\n" in said) is not chinese


def test_the_first_variable_that_is_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert "## Configuration\n" in command("help", "jenkins").stdout


def test_only_a_terminal_gets_a_pager(tmp_path: Path) -> None:
    pager = tmp_path / "pager"
    pager.write_text("#!/bin/sh\necho paged\n")
    pager.chmod(0o755)
    arguments = [sys.executable, "-m", "bridge", "help", "jenkins"]
    environ = os.environ | {"PAGER": str(pager)}
    ours, theirs = pty.openpty()
    shown = subprocess.Popen(arguments, env=environ, stdin=theirs, stdout=theirs)
    os.close(theirs)
    try:
        assert os.read(ours, 5) == b"paged"
        assert shown.wait(30) == 0
    finally:
        os.close(ours)
    piped = subprocess.run(arguments, env=environ, capture_output=True, text=True, check=True)
    assert piped.stdout.startswith("# Jenkins\n")
