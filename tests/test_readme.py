"""The README tells the truth: what it shows is run."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from bridge.cli.root import root
from bridge.config.loader import load_config
from bridge.registry import BUILDERS, CHANNELS, FORGES, KINDS
from bridge.rules.checking import Names
from bridge.rules.loader import load_rules

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ENVIRON = dict.fromkeys(["GITEE_SECRET", "JENKINS_TOKEN", "DINGTALK_SECRET"], "a-secret-of-the-tests") | {
    "DINGTALK_URL": "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef"
}


def block(name: str) -> str:
    """The fenced block under the comment that names it."""
    found = re.search(rf"<!-- {re.escape(name)} -->\n```yaml\n(.*?)```", README, re.DOTALL)
    assert found, name
    return found[1]


def test_the_configuration_and_the_rule_shown_are_good(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "bridge.yaml").write_text(block("bridge.yaml"))
    (tmp_path / "rules" / "shop.yaml").write_text(block("rules/shop.yaml"))
    config = load_config(tmp_path / "bridge.yaml", KINDS, ENVIRON)
    rules = load_rules(config.rule_paths, Names.of(config, KINDS))
    assert rules.repository("acme", "shop")
    assert not config.warnings
    assert not rules.warnings


def test_the_walk_of_a_newcomer_ends_as_it_is_shown(tmp_path: Path) -> None:
    found = re.search(r"<!-- walk -->\n```sh\n(.*?)```.*?```text\n(.*?)```", README, re.DOTALL)
    assert found
    (tmp_path / ".venv").symlink_to(sys.prefix)
    walked = subprocess.run(
        ["sh", "-euc", found[1]],
        cwd=tmp_path,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (walked.returncode, walked.stderr) == (0, "")
    warnings = [line for line in walked.stdout.splitlines() if "warning" in line]
    assert all("is invented: put your own in its place" in line for line in warnings)
    assert len(warnings) == len(["public_url", "registry"])
    assert walked.stdout.endswith(f"valid, with 1 build repository\n{found[2]}")


def test_every_command_shown_exists() -> None:
    for name, verbs in re.findall(r"^buildbridge (\w+)(?: ([a-z|]+)(?=\s))?", README, re.MULTILINE):
        known = root.get_command(click.Context(root), name)
        assert known is not None, name
        for verb in verbs.split("|") if verbs else ():
            if isinstance(known, click.Group):
                assert verb in known.commands, f"{name} {verb}"
            else:
                assert any(isinstance(one, click.Argument) for one in known.params), f"{name} {verb}"


@pytest.mark.parametrize(("row", "kinds"), [("builders", BUILDERS), ("channels", CHANNELS)])
def test_every_kind_that_is_named_exists(row: str, kinds: Mapping[str, object]) -> None:
    (text,) = re.findall(rf"^\| {row} \| (.*) \|$", README, re.MULTILINE)
    named = set(re.findall(r"`(\w+)`", text))
    assert named
    assert named <= set(kinds)


def test_every_git_host_that_is_named_exists() -> None:
    (text,) = re.findall(r"^\| Git hosts \| (.*?);", README, re.MULTILINE)
    named = re.sub(r" \(.*?\)", "", text).split(", ")
    assert named
    assert set(named) <= set(FORGES)


def test_every_linked_file_is_there() -> None:
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
