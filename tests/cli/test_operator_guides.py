"""The guides on backup, upgrade and reverse proxies: both languages say the same, and their lines run."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from support.daemon import Daemon
from support.records import run

import bridge
from bridge.config.settings import ServerSettings

GUIDES = Path(bridge.__file__).parent / "guides"
TOPICS = ("backup", "upgrade", "reverse-proxy")


def blocks(language: str, topic: str, kind: str = r"\w+") -> list[str]:
    text = (GUIDES / language / f"{topic}.md").read_text()
    return re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("topic", TOPICS)
def test_both_languages_have_the_same_blocks_and_as_many_sections(topic: str) -> None:
    assert blocks("en", topic) == blocks("zh-CN", topic)
    english, chinese = ((GUIDES / one / f"{topic}.md").read_text() for one in ("en", "zh-CN"))
    for mark in (r"^#+ ", r"^\| ", r"^- ", r"^\d\. "):
        assert len(re.findall(mark, english, re.MULTILINE)) == len(re.findall(mark, chinese, re.MULTILINE))


@pytest.mark.sqlite
@pytest.mark.parametrize("topic", ["backup", "upgrade"])
def test_the_commands_run_in_their_order(daemon: Daemon, tmp_path: Path, topic: str) -> None:
    ran = []
    for line in "".join(blocks("en", topic, "sh")).splitlines():
        _, found, arguments = line.partition("buildbridge ")
        if line.startswith("systemctl") or not found:
            continue
        # The configuration of the test, and the day that the shell would put in.
        for written, instead in (("--config /etc/buildbridge/bridge.yaml", ""), (r"$(date +\%u)", "4")):
            arguments = arguments.replace(written, instead)
        words = shlex.split(arguments.partition(">")[0])
        here = [word.replace("/var/backups", str(tmp_path)) for word in words]
        here = [str(tmp_path / word) if word.endswith(".jsonl") else word for word in here]
        done = run(daemon, "", *here)
        assert done.status == 0, (line, done)
        ran.append(" ".join(words[:2]))
    assert {"db backup", "db restore", "db check"} <= set(ran)


def test_the_settings_behind_a_proxy_are_valid() -> None:
    (block,) = blocks("en", "reverse-proxy", "yaml")
    settings = ServerSettings.model_validate(yaml.safe_load(block)["server"])
    assert settings.max_body == 25 << 20
