# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""How values appear in pages: times, durations, and what strangers wrote."""

from datetime import datetime

import pytest

from bridge.web.pages.i18n import TEXTS
from bridge.web.pages.render import foreign, span, words_of


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (3_725, "1 h 2 min"),
        (90_000, "1 d 1 h"),
        (86_400, "1 d"),
        (-5, "0 s"),
        (None, ""),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float | None, shown: str) -> None:
    assert span(TEXTS["en"], seconds) == shown


def test_a_strangers_text_is_escaped_isolated_and_bounded() -> None:
    assert foreign("<b>\u202e\u2066") == '<bdi class="foreign">&lt;b&gt;\ufffd\ufffd</bdi>'
    assert foreign("x" * 30, 10) == f'<bdi class="foreign">{"x" * 10}…</bdi>'
    assert foreign(None) == '<bdi class="foreign"></bdi>'


@pytest.mark.parametrize(
    ("said", "times"),
    [
        ("again at 2026-11-27T14:47:10.359Z", 1),
        ("down since 2026-11-27T14:47:10Z: <i>", 1),
        ("2026-13-27T14:47:10Z", 0),
        ("at 2026-11-27", 0),
    ],
)
def test_times_in_sentences_are_as_those_beside_them(said: str, times: int) -> None:
    shown = words_of("en", str, 0.0)["say"](said)
    assert shown.count("<time ") == times
    assert "<i>" not in shown


@pytest.mark.parametrize(
    ("at", "shown"),
    [("2026-11-27T14:47:10", "11-27 14:47:10"), ("2027-02-26T02:01:01", "2027-02-26 02:01:01"), (None, "")],
)
def test_a_time_of_another_year_has_its_year(at: str | None, shown: str) -> None:
    now = datetime(2026, 11, 28).astimezone().timestamp()
    time = words_of("en", str, now)["time"]
    given = at and datetime.fromisoformat(at).astimezone().timestamp()
    assert time(given).striptags() == shown


def test_names_in_sentences_are_code() -> None:
    said = words_of("en", str, 0.0)["say"]
    assert said("see `buildbridge help <i>` or `url`") == (
        '<bdi class="said">see <code>buildbridge help &lt;i&gt;</code> or <code>url</code></bdi>'
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("api.tokens", "管理员（bridge.yaml）"),
        ("the user of the daemon", "守护进程的用户"),
        ("<b>", '<bdi class="foreign">&lt;b&gt;</bdi>'),
    ],
)
def test_who_has_no_name_of_their_own_is_said_in_words(name: str, shown: str) -> None:
    assert words_of("zh-CN", str, 0.0)["person"](name) == shown


def test_texts_escape_their_values() -> None:
    assert TEXTS["en"]("live.new", n="<b>") == "&lt;b&gt; new: show them"
    assert TEXTS["en"]("builds.lead", count=1, shown=1) == "1 build that you may see."
    assert TEXTS["zh-CN"]("builds.lead", count=1, shown=1) == "共 1 次构建。"
