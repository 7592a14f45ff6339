"""Sentences are put into Chinese by their words, whatever strangers wrote between them."""

# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation

import re
import sys
from collections.abc import Iterator
from time import thread_time
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.examples import SHARE

from bridge.channels.chinese import CHINESE
from bridge.channels.reasons import reasons
from bridge.channels.templates.chinese import CHINESE as OF_TEMPLATES
from bridge.config.chinese import CHINESE as OF_FILES
from bridge.model.language import translator
from bridge.registry import BUILDERS, CHANNELS
from bridge.rules.chinese import CHINESE as OF_RULES

ADAPTERS: Final = {
    english: chinese
    for spoken in (
        *(kind.chinese for kind in BUILDERS.values()),
        *(kind.chinese for kind in CHANNELS.values()),
    )
    for english, chinese in spoken.items()
}
FORMS: Final = sorted({**ADAPTERS, **CHINESE, **OF_FILES, **OF_RULES, **OF_TEMPLATES})
SAY: Final = reasons("zh-CN", ADAPTERS)
KEPT: Final = "what was good stays in force: a.yaml, line 3: p: "


def hostile(form: str) -> Iterator[str]:
    """Texts of 2000 characters that nearly are the form, or are it many times."""
    first, *inner = form.split("{}")
    if inner:
        last = inner.pop()
        again = "".join(f"{part}x" for part in inner) or ": "
        text = f"{first}x{again * 2000}"[: 2000 - len(last)] + last
        yield from (text, f"{text}!")
    for joint in (": ", "; "):
        yield ((form.replace("{}", "x") + joint) * 2000)[:2000]


EACH: Final = 8 if SHARE >= 1 else 32
"""By day some of the forms are tried, by night all of them."""


@pytest.mark.parametrize("part", range(8))
def test_no_text_of_strangers_takes_long(part: int) -> None:
    texts = [text for form in FORMS[part::EACH] for text in hostile(form)]
    texts += [mark * 400 + end for mark in (": ", "; ", ": x; ", ": is missing; ") for end in ("", "!")]
    for text in texts:
        for sentence in (text, KEPT + text):
            began = thread_time()
            assert SAY(sentence)
            assert thread_time() - began < 2, sentence[:100]


LETTERS: Final = st.text("ab{", max_size=12)
PARTS: Final = st.lists(st.text("ab", max_size=2), min_size=1, max_size=4).filter(any)


@given(PARTS, LETTERS)
@example(["", "a", ""], "aab")
@example(["a", "b", "b"], "abbb")
def test_values_are_those_of_a_regular_expression(parts: list[str], text: str) -> None:
    say = translator("zh-CN", {"{}".join(parts): "|".join(["<{}>"] * (len(parts) - 1)) or "<>"})
    found = re.fullmatch("(.+?)".join(map(re.escape, parts)), text)
    shown = None if found is None else "|".join(f"<{say(one)}>" for one in found.groups()) or "<>"
    assert say(text) == (shown or text)


def test_a_sentence_may_fall_into_any_number_of_parts() -> None:
    say = translator("zh-CN", {"lost": "丢失", "a {}": "一 {}"}, {": ": "："})
    assert say("lost: lost: a lost: lost") == "丢失：丢失：一 丢失：丢失"
    for piece in ("lost: ", "a "):
        many = piece * sys.getrecursionlimit() + "lost"
        assert say(many).endswith("lost")
