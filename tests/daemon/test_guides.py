"""The guides of `help`: what they show is run, exists, is valid, and is really said."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml
from anyio.from_thread import start_blocking_portal
from support.commands import command
from support.fake_robots import dingtalk_robot
from support.guides import RULE, blocks
from support.needs import needs
from support.ports import free_port
from support.source_texts import is_said
from support.sshd import make_key
from support.waiting import eventually

from bridge.cli.language import LANGUAGES
from bridge.cli.root import root
from bridge.config.loader import load_config
from bridge.model.language import Language
from bridge.registry import ADAPTERS, KINDS
from bridge.rules.checking import Names
from bridge.rules.loader import load_rules
from bridge.runtime.clock import system_clock
from bridge.runtime.topics import Topic, topics

TOPICS = {f"{topic.group}/{topic.name}": topic for topic in topics(ADAPTERS)}
GENERAL = [topic for topic in TOPICS.values() if topic.group == "guides"]
ROBOT = "https://oapi.dingtalk.com/robot/send?access_token=0123456789abcdef"
SIGNS = {"en": "what is said", "zh-CN": "提示"}
"""The head of the column of tables that holds sentences of the program."""

SOURCES = {
    kind.lower(): {"kind": kind, "secrets": [{"env": "SECRET"}]} for kind in ("Simple", "Gitee", "GitLab")
}
BUILDERS = {"here": {"kind": "dummy"}, "jenkins": {"kind": "dummy"}}
CHANNELS = {
    "team": {"kind": "WECOM", "url": "https://robot.example.com/send?key=0123456789"},
    "mail": {"kind": "MAIL", "host": "mail.example.com", "from": "ci@example.com", "to": ["a@example.com"]},
}

every_topic = pytest.mark.parametrize("topic", TOPICS.values(), ids=TOPICS)
every_general = pytest.mark.parametrize("topic", GENERAL, ids=lambda topic: topic.name)
every_language = pytest.mark.parametrize("language", LANGUAGES)


def marked(name: str) -> list[str]:
    """The blocks of shell that the English guide marks as those that can be run here."""
    found = re.findall(
        r"^<!-- run -->\n```sh\n(.*?)^```$", TOPICS[f"guides/{name}"].text("en"), re.MULTILINE | re.DOTALL
    )
    return [str(block) for block in found]


class Shell:
    """Runs lines of shell; commands of ours among them in this process: that takes a tenth of the time."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, port: int) -> None:
        self._monkeypatch = monkeypatch
        self._port = str(port)

    def __call__(self, lines: str) -> str:
        """What the lines print; each has to succeed."""
        said = ""
        for line in lines.replace("\\\n", "").replace("8088", self._port).splitlines():
            if line.startswith("buildbridge "):
                done = command(*shlex.split(line)[1:])
                assert (done.status, done.stderr) == (0, ""), line
                said += done.stdout
            else:
                ran = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", f"{line}\nprintf '\\n%s' \"$PWD\""],
                    capture_output=True,
                    text=True,
                    check=False,
                )
                assert (ran.returncode, ran.stderr) == (0, ""), line
                printed, _, folder = ran.stdout.rpartition("\n")
                said += printed
                self._monkeypatch.chdir(folder)
        return said


def test_the_lines_lead_from_nothing_to_a_message_and_show_what_became_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("curl")
    port = free_port()
    sh = Shell(monkeypatch, port)
    monkeypatch.chdir(tmp_path)
    init, fill, explain, push = marked("install")
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(dingtalk_robot(system_clock, secret=None)) as robot,
    ):
        assert "buildbridge help dingtalk" in sh(init)
        config = tmp_path / "first/bridge.yaml"
        text = (
            config.read_text().replace("port: 8088", f"port: {port}").replace("duration: 5s", "duration: 0s")
        )
        config.write_text(text.replace("    # allow_private: true ", "    allow_private: true "))
        assert ROBOT in fill
        assert "ok: team took a test notice\n" in sh(fill.replace(ROBOT, robot.url))
        assert sh(explain).count("builds latest on pretend") == 2
        log = tmp_path / "log"
        with log.open("wb") as output:
            serve = [sys.executable, "-m", "bridge", "serve"]
            daemon = subprocess.Popen(serve, stdout=output, stderr=output)
        try:
            eventually(lambda: "daemon.ready" in log.read_text(), seconds=60)
            assert '{"id":"' in sh(push)
            # What was pushed is in the list once the delivery is decided.
            eventually(lambda: "  acme/shop  main" in sh("buildbridge deliveries list\n"))
            eventually(lambda: len(robot.messages) == 2)
            said = {topic.name: [sh(lines) for lines in marked(topic.name)] for topic in GENERAL[1:]}
            lists, missed, group, reload = said["troubleshooting"]
            assert "dispatched  acme/shop (latest)" in lists
            assert "  succeeded" in lists
            assert len(missed.splitlines()) == 1, "nothing is missed: there is the heading alone"
            assert "buildJobSuccess" in group
            assert "valid, with 1 build repository" in reload
            assert "reloaded: " in reload
        finally:
            daemon.terminate()
            daemon.wait(30)


@every_language
@every_general
def test_every_sentence_of_the_program_that_a_guide_explains_is_said(
    topic: Topic, language: Language
) -> None:
    for head, *rows in tables_of(topic.text(language)):
        if head[0] == SIGNS[language]:
            assert [row[0] for row in rows if not is_said(row[0])] == []


@every_general
def test_both_languages_explain_the_same_sentences(topic: Topic) -> None:
    ours, theirs = (
        [[row[0] for row in rows] for head, *rows in tables_of(topic.text(one)) if head[0] == SIGNS[one]]
        for one in LANGUAGES
    )
    assert ours == theirs


def tables_of(text: str) -> Iterator[list[list[str]]]:
    """Each table as rows of cells, without the line below its head."""
    for table in re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in row.strip("| ").split(" | ")] for row in table.splitlines()]
        yield [rows[0], *rows[2:]]


@every_general
def test_every_configuration_and_rule_of_a_general_guide_is_valid(topic: Topic, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    make_key(tmp_path / "key")
    public = (tmp_path / "key.pub").read_text()
    keys = {"ssh_key": (tmp_path / "key").read_text(), "known_hosts": f"git.example.com {public}"}
    for number, block in enumerate(blocks(topic.text("en"), "yaml")):
        shown = list(yaml.safe_load_all(block))
        settings = {"sources", "builders", "channels"} & {*shown[0]}
        rule = RULE if settings else block
        if not settings and "build_config" not in shown[0]:
            continue
        given = dict(shown[0]) if settings else {}
        for name in re.findall(r"\{file: secrets/([\w.-]+)\}", block):
            (tmp_path / "secrets" / name).write_text(f"{ROBOT}-{name}")
        for setting, name in re.findall(r"(\w+): \[?\{file: secrets/([\w.-]+)\}", block):
            (tmp_path / "secrets" / name).write_text(keys.get(setting, f"{ROBOT}-{name}"))
        # Credentials, and the secrets of a container, are files of these names.
        (tmp_path / "secrets" / "gitee").write_text(ROBOT)
        given = yaml.safe_load(yaml.safe_dump(given).replace("/run/secrets/", "secrets/"))
        config = tmp_path / f"{number}.yaml"
        whole = {"builders": BUILDERS, "channels": CHANNELS, **given, "rules": [f"{number}/"]}
        config.write_text(yaml.safe_dump(whole | {"sources": SOURCES | given.get("sources", {})}))
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "shown.yaml").write_text(rule)
        environ = {"SECRET": "0123456789abcdef", "CREDENTIALS_DIRECTORY": str(tmp_path / "secrets")}
        loaded = load_config(config, KINDS, environ)
        rules = load_rules(loaded.rule_paths, Names.of(loaded, KINDS))
        assert rules.repositories
        assert rules.warnings == ()


def commands(text: str) -> Iterator[list[str]]:
    """The arguments of each `buildbridge` in blocks of shell and in code within sentences."""
    code = re.findall(r"`(buildbridge [^`\n]+)`", text)
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        code += re.findall(
            r"(?:^|\$\(|&& |; )(buildbridge [^|;&)#\n]+)", block.replace("\\\n", ""), re.MULTILINE
        )
    for line in code:
        yield shlex.split(line.replace("…", "").replace("'", "").replace('"', ""))[1:]


@every_language
@every_topic
def test_every_command_that_a_guide_shows_exists_with_its_options(topic: Topic, language: Language) -> None:
    for arguments in commands(topic.text(language)):
        named: click.Command = root
        context = click.Context(root)
        options = {name for parameter in root.params for name in parameter.opts}
        for word in arguments:
            if isinstance(named, click.Group) and not word.startswith("-"):
                found = named.get_command(context, word)
                assert found is not None, arguments
                named = found
                options |= {name for parameter in named.params for name in parameter.opts}
            elif word.startswith("--"):
                assert word.partition("=")[0] in options, arguments
        if arguments[:1] == ["help"] and re.fullmatch("[a-z-]+", arguments[-1]):
            assert arguments[-1] in {"help", *(one.name for one in TOPICS.values())}, arguments
