"""No template can take much time, memory or room, nor reach what is ours, whatever it consists of."""

import re
import tracemalloc
from dataclasses import replace
from time import thread_time
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples
from support.hostile import FACTS, TEXT
from support.notices import FACTS as USUAL
from support.templates import LOOPS, REFUSED, WORK

from bridge.channels.content import Link
from bridge.channels.templates import worded as module
from bridge.channels.templates.fault import TemplateFaults
from bridge.channels.templates.worded import MAX_OUTPUT, MAX_SECONDS, faults_of, worded
from bridge.channels.text import web_link
from bridge.channels.words import Speech, words_of
from bridge.config.templates import MAX_BYTES, NoticeTemplate
from bridge.model.notice import BuildFacts, EventName

SPEECH: Final = Speech(words_of("en"), str)
LONG: Final = replace(
    USUAL,
    images=tuple("i" * 200 for _ in range(500)),
    log_tail="\n".join(f"line {place} {'x' * 180}" for place in range(500)),
    detail="d" * 5000,
    subject="s" * 5000,
)


def words(source: str, facts: BuildFacts = LONG) -> list[str]:
    own = worded(NoticeTemplate(body=source), EventName.FAIL, facts, SPEECH, "en")
    assert own.lines is not None
    return ["".join(s.text if isinstance(s, Link) else s for s in line) for line in own.lines]


def test_the_sources_are_as_long_as_they_may_be() -> None:
    assert all(len(source.encode()) <= MAX_BYTES for source in (*WORK.values(), *REFUSED.values()))


def shown_of(source: str) -> list[str]:
    """The lines of a template, or why it ends."""
    try:
        return words(source)
    except TemplateFaults as fault:
        return [str(fault)]


@pytest.mark.parametrize("name", WORK)
def test_what_makes_much_work_of_little_is_bounded_in_time_memory_and_room(name: str) -> None:
    tracemalloc.start()
    try:
        shown = shown_of(WORK[name])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30_000_000
    assert sum(map(len, shown)) <= MAX_OUTPUT
    assert not re.search("parts|deep|expected", "".join(shown)), "it has to run"
    began = thread_time()
    shown_of(WORK[name])
    assert thread_time() - began < 4 * MAX_SECONDS


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_grow_or_reach_out_is_refused_at_once(name: str) -> None:
    began = thread_time()
    found = [fault for _, fault in faults_of(NoticeTemplate(body=REFUSED[name]), EventName.FAIL)]
    assert thread_time() - began < 2
    assert found
    assert not any(fault.problem.startswith("fails") for fault in found)


def test_a_template_that_takes_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", -1.0)
    with pytest.raises(TemplateFaults, match=r"takes over -1\.0 s: make it simpler"):
        words("a{{ ref }}b")


def test_what_is_shown_is_bounded() -> None:
    many = "{% for a in images %}{{ a }}\n{% endfor %}" * 9
    assert len(words(many)) == MAX_OUTPUT // 201 + 1
    assert len(words(LOOPS.replace("%s", "{{ loop.index }}\n"))) == 50
    assert words("{% for a in images %}x{% endfor %}") == ["x" * 20]
    assert words("{{ images | join }}") == [f"{'i' * 399}…"]
    links = "{{ link('x', 'https://h.example/' ~ reason[:440]) }}" * 20
    own = worded(NoticeTemplate(body=links, title="{{ images | join }}"), EventName.FAIL, LONG, SPEECH, "en")
    assert own.lines is not None
    (line,) = own.lines
    assert sum(isinstance(span, Link) for span in line) == 5
    assert own.title == f"{'i' * 99}…"


PIECES: Final = st.sampled_from(
    [
        "{{ ", " }}", "{% if ", "{% else %}", "{% elif ", "{% endif %}", "{% for i in ", "{% endfor %}",
        " %}", "{%- ", "-%}", "{# ", " #}", "{% raw %}", "{% endraw %}", "subject", "images", "tail", "ref",
        "i", "number", "loop.index", "loop", "build_url", "link(", ")", "(", "[", "]", "'a'", '"', "'",
        ", ", " | ", "upper", "join", "replace(", "default(", " ~ ", " + ", " * ", "-", " in ", " not ",
        " is ", "none", "defined", " == ", " < ", " and ", ":", " or ", " if ", " else ", "0", "1", "99",
        ".", "__class__", "\n", "set a = ", "x", "修", "\x86", "\\x86", "{", "}",
    ]
)  # fmt: skip
GOOD: Final = st.sampled_from(
    [
        "{% for i in images %}{{ loop.index }}. {{ i | upper }}{% else %}no{% endfor %}\n{{ i }}",
        "{{ link('log of ' ~ label, build_url) }} {% if reason and not by %}{{ reason[:40] }}{% endif %}",
        "{{ 'a' if number == 3 else tail | join(', ') }} {{ images[0] | default('x') | truncate(9) }}",
    ]
)
SOURCES: Final = st.lists(PIECES, min_size=1, max_size=40).map("".join) | st.builds(
    lambda source, place, piece: source[:place] + piece + source[place + len(piece) // 2 :],
    GOOD,
    st.integers(0, 90),
    PIECES | TEXT.map(lambda text: text[:20].encode(errors="ignore").decode()),
)


@settings(max_examples=examples(500), deadline=None)
@given(source=SOURCES, facts=FACTS)
def test_any_source_is_refused_or_makes_lines_that_are_safe(source: str, facts: BuildFacts) -> None:
    template = NoticeTemplate(body=source)
    for _, fault in faults_of(template, EventName.FAIL):
        assert 0 <= fault.offset <= len(source)
        assert fault.problem.isprintable()
    try:
        own = worded(template, EventName.FAIL, facts, SPEECH, "en")
    except TemplateFaults:
        return
    assert own.lines is not None
    for line in own.lines:
        for span in line:
            assert not isinstance(span, Link) or web_link(span.url)
            text = span.text if isinstance(span, Link) else span
            assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\ufffd\ud800-\udfff]", text)
