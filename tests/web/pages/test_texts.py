"""The texts of the pages: the same keys and values in both languages, none missing and none unused."""

import re
import string
from pathlib import Path

import pytest
from support.chinese_setting import check_setting

from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.notice import NoticeState
from bridge.web.pages.i18n import LANGUAGES, TEXTS, Entry

PAGES = Path(__file__).parents[3] / "bridge" / "web" / "pages"
_USED = re.compile(r"""\b(?:t|text|texts)\(\s*f?["']([a-z_]+\.[a-z_0-9.{}]*)""")
"""A text that a template or a view asks for; the beginning of one that is composed."""
_HAN = re.compile("[\u4e00-\u9fff]")


def texts_of(entry: Entry) -> list[str]:
    return [entry] if isinstance(entry, str) else list(entry.values())


def placeholders(entry: Entry) -> list[set[str]]:
    found = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in texts_of(entry)]
    return [*found[:1], *(one for one in found[1:] if one != found[0])]


def sources() -> str:
    files = [*PAGES.rglob("*.html"), *PAGES.rglob("*.py")]
    return "\n".join(file.read_text() for file in files)


def test_both_languages_have_the_same_texts_with_the_same_values() -> None:
    en, zh = (TEXTS[language].entries for language in ("en", "zh-CN"))
    assert set(en) == set(zh)
    assert {key: placeholders(en[key]) for key in en} == {key: placeholders(zh[key]) for key in en}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_counts_has_its_forms(language: str) -> None:
    forms = {"en": {"one", "other"}, "zh-CN": {"other"}}[language]
    entries = TEXTS[language].entries  # type: ignore[index]  # one of the two
    assert {key: set(entry) for key, entry in entries.items() if not isinstance(entry, str)} == {
        key: forms for key, entry in entries.items() if not isinstance(entry, str)
    }


def test_every_text_that_is_asked_for_is_there_and_every_text_is_asked_for() -> None:
    asked = set(_USED.findall(sources()))
    whole = {one for one in asked if not one.endswith(".") and "{" not in one}
    begun = tuple(one.partition("{")[0] for one in asked - whole)
    # A composed key that the templates write with `~` ends where its first part does.
    begun += tuple(one for one in whole if one.endswith((".", "_")))
    known = set(TEXTS["en"].entries)
    assert {one for one in whole if not one.endswith("_")} - known == set()
    assert {one for one in known - whole if not one.startswith(begun)} == set()


@pytest.mark.parametrize("state", [*BuildState, *DeliveryState, *NoticeState])
def test_every_state_has_a_word(state: str) -> None:
    assert all(f"state.{state}" in TEXTS[language] for language in LANGUAGES)


def test_chinese_texts_are_chinese_with_chinese_marks() -> None:
    names = {"live.new"}
    for key, entry in TEXTS["zh-CN"].entries.items():
        for text in texts_of(entry):
            bare = re.sub(r"\{[a-z_]+\}", "", text)
            assert key in names or _HAN.search(bare) or not re.search(r"[A-Za-z]{4,} [a-z]{3,}", bare), key
            check_setting(text)
