"""A line of a log as HTML: colours are shown, and nothing else that is in it does anything."""

import html
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from bridge.web.pages.ansi import MAX_CHANGES, MAX_SHOWN, shown

SHAPE = re.compile(r'(?:<span class="[a-z0-9]+(?: [a-z0-9]+)*">[^<>"\']*</span>|[^<>"\'])*')
"""Texts and spans with classes, no span in another, and nothing else."""


def text_of(line: str) -> str:
    """What a reader sees of a line."""
    return html.unescape(re.sub(r"<[^>]*>", "", str(shown(line)[0])))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m and not", '<span class="f1">red</span> and not'),
        ("\x1b[1;32mbold\x1b[22m green", '<span class="b f2">bold</span><span class="f2"> green</span>'),
        ("\x1b[2mdim\x1b[3mitalic\x1b[4mline", None),
        ("\x1b[91;104mbright\x1b[39mback", '<span class="f9 g12">bright</span><span class="g12">back</span>'),
        ("\x1b[7minverse\x1b[27m not", '<span class="fi gi">inverse</span> not'),
        ("\x1b[31;7minverse", '<span class="fi g1">inverse</span>'),
        ("\x1b[38;5;9mnine", '<span class="f9">nine</span>'),
        ("\x1b[38;5;196mcube", '<span class="f9">cube</span>'),
        ("\x1b[38;5;240mgrey", '<span class="f8">grey</span>'),
        ("\x1b[48;2;200;10;10mtrue", '<span class="g1">true</span>'),
        ("\x1b[38:2::200:10:10;1mcolons", '<span class="b f1">colons</span>'),
        ("\x1b[38;5;9;4mboth", '<span class="u f9">both</span>'),
        ("\x1b[4:3mcurly\x1b[4:0m none", '<span class="u">curly</span> none'),
        ("\x1b[mreset", "reset"),
        ("\x1b[38mnothing follows", "nothing follows"),
        ("\x1b[999;50;38;9mno such", "no such"),
    ],
)
def test_colours_become_classes(line: str, expected: str | None) -> None:
    assert str(shown(line)[0]) == (
        expected or '<span class="d">dim</span><span class="d i">italic</span><span class="d i u">line</span>'
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1b[1;1Hmoved\x1b[K", "moved"),
        ("a\x00b\x08c\x7fd\x9be\x1bf", "abcdef"),
        ("a\tb", "a\tb"),
        ("pay \u202eresu\u202c \u2066x\u2069 \u200fy", "pay resu x y"),
        ("two\u2028lines", "twolines"),
        ("\ud800half", "half"),
        ("\x1b[31", "[31"),
    ],
)
def test_what_else_a_terminal_would_do_is_left_out(line: str, expected: str) -> None:
    assert text_of(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("10 %\r50 %\r100 %", "100 %"),
        ("100 %\r", "100 %"),
        ("text\r\x1b[K", "text"),
        ("a\r\rb\r\r", "b"),
        ("\r\r", ""),
        ("\x1b[31m10 %\r\x1b[32mdone", "done"),
    ],
)
def test_a_line_that_is_drawn_several_times_is_shown_as_in_the_end(line: str, expected: str) -> None:
    assert text_of(line) == expected


def test_markup_is_shown_and_does_nothing() -> None:
    line = "<script>alert(1)</script> & \x1b[31m\"><img src=x onerror='x'>"
    assert SHAPE.fullmatch(str(shown(line)[0]))
    assert text_of(line) == line.replace("\x1b[31m", "")
    assert str(shown("<b>")[0]) == "&lt;b&gt;"


def test_a_long_line_is_shortened_and_says_so() -> None:
    whole, cut = shown("x" * MAX_SHOWN)
    assert (len(whole), cut) == (MAX_SHOWN, False)
    for line in ("x" * (MAX_SHOWN + 1), "\x1b[31m" + "x" * (MAX_SHOWN + 1), "\t" + "x" * MAX_SHOWN):
        assert shown(line)[1]
        assert len(text_of(line)) == MAX_SHOWN
    assert shown("x" * MAX_SHOWN + "\x1b[0m")[1] is False, "what is left out is nothing"


def test_the_parts_of_a_line_are_bounded() -> None:
    line = "".join(f"\x1b[3{number % 8}mx" for number in range(3 * MAX_CHANGES))
    found = str(shown(line)[0])
    assert found.count("<span") <= MAX_CHANGES
    assert text_of(line) == "x" * 3 * MAX_CHANGES


def test_the_longest_line_takes_little_time() -> None:
    for unit in ("\x1b[38;5;1;4mx", "\x1b[", "\x1b]", "\x1b", "\r", "<", "\x1b[" + "1;" * 99 + "m", "\u202e"):
        line = unit * (65_536 // len(unit))
        begun = time.thread_time()
        shown(line)
        # Some take 20 ms; a quadratic one would take minutes.
        assert time.thread_time() - begun < 1, unit


CODE = st.one_of(
    st.sampled_from(
        ["\x1b[", "\x1b]", "\x1b", "\x9b", "\r", "m", ";", ":", "38;5;", "48;2;1;2;", "<", "&", '"']
    ),
    st.from_regex(r"\x1b\[[0-9;:]{0,12}m", fullmatch=True),
    st.text(max_size=8),
)


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(CODE, max_size=40).map("".join))
def test_any_line_is_safe_and_bounded(line: str) -> None:
    found, cut = shown(line)
    assert SHAPE.fullmatch(str(found))
    assert not cut
    text = text_of(line)
    assert all(char == "\t" or ord(char) >= 32 for char in text)
    assert len(text) <= len(line)
