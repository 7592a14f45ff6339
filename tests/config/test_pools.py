"""Pools of channels: what is wrong with one, and what names one."""

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
from support.kinds import KINDS, RobotLike

from bridge.config.loader import Config, load_config, load_outline
from bridge.config.notices import Events, NoticeSetting
from bridge.errors import ConfigError
from bridge.model.notice import EventName
from bridge.rules.checking import Names


class StatusLike(RobotLike):
    states: ClassVar[Events] = (EventName.START,)


WITH_MORE = replace(
    KINDS,
    channels={**KINDS.channels, "STATUS": StatusLike, "CHAT": RobotLike},
    targets={**KINDS.targets, "STATUS": lambda _settings: None, "CHAT": lambda _settings: None},
)
FILE = """
sources: {git: {kind: Gitee, secrets: [{env: SECRET}]}}
channels:
  a: {kind: DING_TALK, url: "https://robot.example.com/1", retries: 1}
  b: {kind: DING_TALK, url: "https://robot.example.com/2"}
  c: {kind: DING_TALK, url: "https://robot.example.com/3"}
  twin: {kind: DING_TALK, url: "https://robot.example.com/1"}
  loud: {kind: DING_TALK, url: "https://robot.example.com/4", enabled_event_type_names: [buildJobStart]}
  chat: {kind: CHAT, url: "https://chat.example.com"}
  states: {kind: STATUS, url: "https://git.example.com"}
"""


def load(folder: Path, more: str) -> Config:
    file = folder / "bridge.yaml"
    file.write_text(FILE + more, encoding="utf-8")
    return load_config(file, WITH_MORE, {"SECRET": "a-secret-of-the-tests"})


def test_notices_name_a_pool_like_a_channel(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "pools: {team: [a, b, c]}\n"
        "notices: {default: [{channel: team}, {channel: team, notice_type: DING_TALK}]}\n",
    )
    assert config.settings.pools == {"team": ("a", "b", "c")}
    assert [(one.channel, one.notice_type) for one in config.default_notices] == [("team", "DING_TALK")] * 2
    assert [one.channel for one in config.watchers] == ["team"] * 2
    names = Names.of(load_outline(tmp_path / "bridge.yaml", WITH_MORE, {}), WITH_MORE)
    assert names.pools == {"team": ("a", "b", "c")}
    assert "team" not in names.channels


def test_a_pool_of_all_channels_of_a_kind_is_meant_by_the_kind() -> None:
    channels = {"a": "WECOM", "b": "WECOM", "mail": "MAIL"}
    found = NoticeSetting(notice_type="WECOM").resolve(channels, {}, pools={"team": ("a", "b")})
    assert found.channel == "team"


def test_a_pool_has_the_events_of_its_channels(tmp_path: Path) -> None:
    text = FILE.replace('/2"}', '/2", enabled_event_type_names: [buildJobStart]}')
    file = tmp_path / "bridge.yaml"
    file.write_text(
        f"{text}pools: {{team: [loud, b]}}\nnotices: {{default: [{{channel: team}}]}}\n", encoding="utf-8"
    )
    config = load_config(file, WITH_MORE, {"SECRET": "a-secret-of-the-tests"})
    assert config.default_notices[0].events == (EventName.START,)
    assert config.channel_events["team"] == (EventName.START,)


@pytest.mark.parametrize(
    ("more", "place", "problem"),
    [
        ("pools: {a: [b, c]}", "11:9: pools.a", "is the name of a channel, too: choose another"),
        ("pools: {message: [b, c]}", "11:9: pools.message", "is the name of a channel, too: choose another"),
        ("pools: {t: [a, bb]}", "11:16: pools.t[1]", "there is no channel bb; did you mean b?"),
        ("pools: {t: [a, a]}", "11:16: pools.t[1]", "a is in the pool already: leave it out"),
        (
            "pools: {t: [a, chat]}",
            "11:16: pools.t[1]",
            "chat is of the kind CHAT, and a of DING_TALK: a pool has one kind",
        ),
        (
            "pools: {t: [a, twin]}",
            "11:16: pools.t[1]",
            "twin is the same robot as a: create another one, or leave it out",
        ),
        (
            "pools: {t: [a, loud]}",
            "11:16: pools.t[1]",
            "loud and a have other enabled_event_type_names: give both the same, or name them in notices",
        ),
        ("pools: {t: [states]}", "11:9: pools.t", "needs at least 2 entries"),
        (
            "pools: {t: [a, b]}\nnotices: {default: [{channel: tt}]}",
            "12:22: notices.default[0].channel",
            "there is no channel tt; did you mean t?",
        ),
    ],
)
def test_a_pool_that_cannot_work_is_a_fault(tmp_path: Path, more: str, place: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"{more}\n")
    found = [str(fault).removeprefix(f"{tmp_path}/bridge.yaml:") for fault in caught.value.faults]
    assert f"{place}: {problem}" in found, found


def test_what_shows_states_or_keeps_messages_is_in_no_pool(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="a channel of the kind STATUS is no robot in a group: leave it out"
    ):
        load(tmp_path, "pools: {t: [a, states]}\n")


def test_a_pool_is_no_fallback(tmp_path: Path) -> None:
    file = tmp_path / "bridge.yaml"
    file.write_text(FILE.replace("retries: 1", "fallback: t") + "pools: {t: [b, c]}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="fallback: t is a pool: name one of its channels, b or c"):
        load_config(file, WITH_MORE, {"SECRET": "a-secret-of-the-tests"})
