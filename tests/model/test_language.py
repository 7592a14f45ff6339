"""Sentences are put into Chinese by their words, whatever strangers wrote between them."""

# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation

import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.channels.chinese import CHINESE
from bridge.channels.templates.chinese import CHINESE as OF_TEMPLATES
from bridge.config.chinese import CHINESE as OF_FILES
from bridge.forges.chinese import REASONS, WORDS
from bridge.model.language import MAX_SENTENCE, translator
from bridge.registry import BUILDERS, CHANNELS
from bridge.rules.chinese import CHINESE as OF_RULES
from bridge.web.api.chinese import PROBLEMS, SENTENCES
from bridge.web.pages.sentences import sentences

ADAPTERS: Final = {
    english: chinese
    for spoken in (
        *(kind.chinese for kind in BUILDERS.values()),
        *(kind.chinese for kind in CHANNELS.values()),
    )
    for english, chinese in spoken.items()
}
FORMS: Final = sorted(
    {
        **ADAPTERS,
        **CHINESE,
        **OF_FILES,
        **OF_RULES,
        **OF_TEMPLATES,
        **REASONS,
        **WORDS,
        **SENTENCES,
        **PROBLEMS,
    }
)
KEPT: Final = "what was good stays in force: a.yaml, line 3: p: "


def hostile(form: str) -> Iterator[str]:
    """Texts that nearly are the form, or are it many times."""
    first, *inner = form.split("{}")
    if inner:
        last = inner.pop()
        again = "".join(f"{part}x" for part in inner) or ": "
        yield f"{first}x{again * MAX_SENTENCE}"[: MAX_SENTENCE - len(last)] + last
    for joint in (": ", "; ", " "):
        yield (form.replace("{}", "x") + joint) * MAX_SENTENCE


def steps(say: Callable[[str], str], sentence: str) -> int:
    """How many functions, of C too, are called to say it: its time, on any machine."""
    calls = 0

    def count(_frame: object, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        say(sentence)
    finally:
        sys.setprofile(None)
    return calls


def test_no_text_of_strangers_takes_long() -> None:
    """Some 1 ms for 2000 characters, since each call looks at no more than one piece of them."""
    say = sentences("zh-CN", ADAPTERS)
    for first in ("x", f"{KEPT}x"):  # they make the tables
        say(first)
    texts = [text for form in FORMS[::32] for text in hostile(form)]
    texts += [mark * MAX_SENTENCE for mark in ("; ", "a; ", ": ", "a: ", "b: b; ", f"{'x is not x: ' * 7}; ")]
    texts += [(form + " ") * MAX_SENTENCE for form in (" ".join(FORMS), "".join(reversed(FORMS)))]
    assert max(steps(say, text[:MAX_SENTENCE]) for text in texts) < 10_000
    assert max(steps(say, (KEPT + text)[:MAX_SENTENCE]) for text in texts[::4]) < 10_000


def test_a_push_that_many_rules_ignore_is_said_whole() -> None:
    whys = [f"acme/shop tag_configs[{place}]: main does not match release-{place}" for place in range(18)]
    said = sentences("zh-CN", {})("; ".join(whys))
    assert said == "；".join(
        f"acme/shop tag_configs[{place}]：main 不匹配 release-{place}" for place in range(18)
    )


LETTERS: Final = st.text("ab{ ", max_size=12)
PARTS: Final = st.lists(st.text("ab ", max_size=3), min_size=1, max_size=4).filter(any)


@given(PARTS, LETTERS)
@example(["", "a", ""], "aab")
@example(["a", "b", "b"], "abbb")
@example(["", " a ", ""], "b a b")
def test_values_are_those_of_a_regular_expression(parts: list[str], text: str) -> None:
    say = translator("zh-CN", {"{}".join(parts): "|".join(["<{}>"] * (len(parts) - 1)) or "<>"})
    found = re.fullmatch("(.+?)".join(map(re.escape, parts)), text)
    shown = None if found is None else "|".join(f"<{say(one)}>" for one in found.groups()) or "<>"
    assert say(text) == (shown or text)


def test_a_sentence_may_fall_into_any_number_of_parts() -> None:
    say = translator("zh-CN", {"lost": "丢失", "a {}": "一 {}"}, cures=True)
    assert say("lost: lost: a lost: lost") == "丢失：丢失：一丢失：丢失"
    for piece in ("lost: ", "a "):
        many = piece * sys.getrecursionlimit() + "lost"
        assert say(many).endswith("lost")
