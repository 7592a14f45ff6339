"""`init --add`: a configuration grows, and what was in it stays as it was."""

import difflib
import re
import stat
from pathlib import Path

import pytest
import yaml
from support.commands import Done, command

from bridge.cli.guides import guide
from bridge.registry import BUILDERS, CHANNELS, FORGES

CONFIG = """\
# Ours; do not touch.
server: {port: 9000, public_url: "https://bridge.potters.example"}
rules: [rules/]

sources:
    gitee: {kind: Gitee, secrets: [{file: secrets/hook}]}   # the first
    # more below

builders: {here: {kind: dummy}}
channels: {}   # none yet
language: en
"""
HOOK = "a-secret-of-the-hook-that-is-long-enough"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/hook").write_text(HOOK)
    (tmp_path / "secrets/hook").chmod(0o600)
    file = tmp_path / "bridge.yaml"
    file.write_text(CONFIG)
    file.chmod(0o640)
    return file


def added(config: Path, *options: str) -> Done:
    done = command("init", config.parent, "--add", *options)
    assert (done.status, done.stderr) == (0, "")
    return done


def files(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def faults(config: Path) -> list[str]:
    """What `check` says, but for what is invented."""
    done = command("check", "--config", config)
    invented = re.compile(
        r": is invented: put|the one that `init` invented|: valid, with |Then take the mark"
    )
    return [line for line in done.stdout.splitlines() if not invented.search(line)]


def test_every_kind_can_be_added_and_no_line_changes(config: Path) -> None:
    hosts = list(FORGES)[::4]
    for kind in hosts:
        added(config, "source", "--host", kind, "--name", f"{guide(kind).source_name}2")
    for kind in BUILDERS:
        added(config, "builder", "--builder", kind, "--name", f"my-{kind}")
    for kind in CHANNELS:
        if kind != "MESSAGE":
            added(config, "channel", "--channel", kind, "--name", f"{kind.lower()}2")
    text = config.read_text()
    gone = [line[2:] for line in difflib.ndiff(CONFIG.splitlines(), text.splitlines()) if line[0] == "-"]
    assert gone == ["builders: {here: {kind: dummy}}", "channels: {}   # none yet"]
    assert "\nbuilders: {here: {kind: dummy}, " in text
    assert "\nchannels:   # none yet\n  " in text
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    data = yaml.safe_load(text)
    assert list(data["sources"]) == ["gitee", *(f"{guide(kind).source_name}2" for kind in hosts)]
    assert list(data["builders"]) == ["here", *(f"my-{kind}" for kind in BUILDERS)]
    assert {one["channel"] for one in data["notices"]["default"]} == {*data["channels"]}
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (config.parent / "secrets").iterdir()}
    assert modes == {0o600}
    assert [line for line in faults(config) if "warning" not in line] == []


def test_a_second_source_has_its_own_address_secret_and_rule(config: Path) -> None:
    said = added(config, "source", "--host", "GitLab", "--name", "lab").stdout
    assert "`https://bridge.potters.example/hooks/lab`" in said
    assert "secrets/lab" in said
    secret = (config.parent / "secrets/lab").read_text().strip()
    assert len(secret) >= 43
    assert secret not in said
    added(config, "rule", "--host", "GitLab", "--repository", "potters/kiln")
    rule = config.parent / "rules/potters-kiln.yaml"
    assert yaml.safe_load(rule.read_text())["build_config"]["code_repo_client"] == "GitLab"
    assert faults(config) == []
    (push,) = command("explain", "--config", config, "--json", "--push=gitlab:potters/kiln@main").documents
    assert push["matches"]


def test_beside_credentials_a_secret_is_one_and_the_drop_in_is_told(config: Path) -> None:
    (config.parent / "secrets").rename(config.parent / "credentials")
    config.write_text(CONFIG.replace("{file: secrets/hook}", "{credential: hook}"))
    said = added(config, "channel", "--channel", "WECOM").stdout
    (name,) = re.findall(r"LoadCredential=([\w-]+):/etc/buildbridge/credentials/\1$", said, re.MULTILINE)
    assert yaml.safe_load(config.read_text())["channels"]["team"]["url"] == {"credential": name}
    assert (config.parent / "credentials" / name).exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["source", "--host=Gitee"], "sources.gitee is there already: give another name with --name"),
        (["source", "--host=GitLab", "--name=hook"], "secrets/hook is there already: nothing was written"),
        (["channel", "--channel=MESSAGE"], "the channel message is always there"),
        (["builder"], "--add builder needs --builder KIND"),
        (["rule"], "--add rule needs --repository NAMESPACE/NAME"),
        (["rule", "--repository=potters/kiln"], "the rule potters/kiln is there already, at "),
        (["source", "--host=Gitee", "--host=GitLab"], "--add takes one --host at a time"),
    ],
)
def test_what_is_there_or_missing_is_refused_and_nothing_changes(
    options: list[str], complaint: str, config: Path
) -> None:
    added(config, "rule", "--repository", "potters/kiln")
    before = files(config.parent)
    done = command("init", config.parent, "--add", *options)
    assert done.status != 0
    assert complaint in done.complaint
    assert files(config.parent) == before


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("language: en", "language: de", "language: de is not zh-CN or en"),
        ("builders: {here: {kind: dummy}}", "builders: &b {}", "is a YAML anchor"),
    ],
)
def test_a_faulty_configuration_is_not_added_to(old: str, new: str, complaint: str, config: Path) -> None:
    config.write_text(CONFIG.replace(old, new))
    before = files(config.parent)
    done = command("init", config.parent, "--add", "builder", "--builder", "local")
    assert done.status == 1
    assert complaint in done.stdout + done.stderr
    assert files(config.parent) == before


def test_a_link_to_the_configuration_stays_one(config: Path) -> None:
    real = config.rename(config.with_name("real.yaml"))
    config.symlink_to(real)
    added(config, "builder", "--builder", "dummy", "--name", "other")
    assert config.is_symlink()
    assert list(yaml.safe_load(real.read_text())["builders"]) == ["here", "other"]


def test_an_invented_address_in_a_rule_is_marked_as_in_a_first_one(config: Path) -> None:
    added(config, "rule", "--host", "Simple", "--repository", "acme/shop")
    assert "code_repo_clone_url is invented" in command("check", "--config", config).stdout
