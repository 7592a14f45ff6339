"""Which channel may send what another one cannot."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from support.kinds import KINDS, RobotLike

from bridge.config.channels import common
from bridge.config.loader import Config, load_config, load_outline
from bridge.config.notices import Events
from bridge.errors import ConfigError
from bridge.model.notice import EventName


class StatusLike(RobotLike):
    states: ClassVar[Events] = (EventName.START,)


WITH_STATUS = replace(
    KINDS,
    channels={**KINDS.channels, "STATUS": StatusLike},
    targets={**KINDS.targets, "STATUS": lambda _settings: None},
)
CHANNELS = """
sources: {git: {kind: Gitee, secrets: [{env: SECRET}]}}
channels:
  team: {kind: DING_TALK, url: "https://robot.example.com/team"TEAM}
  ops: {kind: DING_TALK, url: "https://robot.example.com/ops"OPS}
  spare: {kind: DING_TALK, url: "https://robot.example.com/spare"SPARE}
  twin: {kind: DING_TALK, url: "https://robot.example.com/ops"}
  states: {kind: STATUS, url: "https://robot.example.com/states"STATES}
"""


def load(folder: Path, **fallbacks: str) -> Config:
    text = CHANNELS
    for name in ("team", "ops", "spare", "states"):
        given = f", fallback: {fallbacks[name]}" if name in fallbacks else ""
        text = text.replace(name.upper(), given)
    file = folder / "bridge.yaml"
    file.write_text(text, encoding="utf-8")
    return load_config(file, WITH_STATUS, {"SECRET": "a-secret-of-the-tests"})


def test_a_channel_names_the_one_that_sends_what_it_cannot(tmp_path: Path) -> None:
    config = load(tmp_path, team="spare", ops="spare", spare="message")
    found = {name: common(channel.settings).fallback for name, channel in config.channels.items()}
    assert found == {
        "team": "spare",
        "ops": "spare",
        "spare": "message",
        "twin": None,
        "states": None,
        "message": None,
    }


@pytest.mark.parametrize(
    ("fallbacks", "line", "problem"),
    [
        ({"team": "spair"}, 4, "team.fallback: there is no channel spair; did you mean spare?"),
        (
            {"team": "no"},
            4,
            "team.fallback: there is no channel no; known are message, ops, spare, states, twin",
        ),
        ({"team": "team"}, 4, "team.fallback: is this channel itself: name another one, or leave it out"),
        (
            {"ops": "spare", "spare": "team", "team": "ops"},
            4,
            "team.fallback: leads back to team (team → ops → spare → team): leave it out at one of them",
        ),
        ({"ops": "twin"}, 5, "ops.fallback: twin is the same robot: name another one, or leave it out"),
        (
            {"ops": "states"},
            5,
            "ops.fallback: states is of the kind STATUS, which has no messages: name a channel that has",
        ),
        (
            {"states": "team"},
            8,
            "states.fallback: the kind STATUS shows how builds are, which no other kind can: leave it out",
        ),
        (
            {"team": "[ops]"},
            4,
            "team.fallback: must be text, but is a list: write one value, without [ ] and dashes",
        ),
    ],
)
def test_a_fallback_that_can_send_nothing_is_one_fault(
    tmp_path: Path, fallbacks: dict[str, str], line: int, problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, **fallbacks)
    (fault,) = caught.value.faults
    assert str(fault).startswith(f"{tmp_path}/bridge.yaml:{line}:")
    assert str(fault).endswith(f" channels.{problem}")


def test_a_fallback_keeps_notices_no_shorter_than_its_channel(tmp_path: Path) -> None:
    load(tmp_path, team="spare, ttl: 1d", ops="message, ttl: 7d")
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, team="spare, ttl: 36h")
    (fault,) = caught.value.faults
    assert str(fault).startswith(f"{tmp_path}/bridge.yaml:4:")
    problem = "spare gives notices up sooner than this channel: give it a ttl of at least 36h"
    assert str(fault).endswith(f" channels.team.fallback: {problem}")


def test_commands_that_need_no_secrets_say_so_too(tmp_path: Path) -> None:
    load(tmp_path)
    file = tmp_path / "bridge.yaml"
    file.write_text(file.read_text().replace("{kind: STATUS", "{fallback: oops, kind: STATUS"))
    with pytest.raises(ConfigError, match="no channel oops; did you mean ops"):
        load_outline(file, WITH_STATUS, {})
