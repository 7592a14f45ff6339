"""What the bridge has written down in English (reasons, faults, answers), for readers of Chinese."""

from collections.abc import Callable, Mapping
from functools import cache

from bridge.channels import reasons
from bridge.channels.words import words_of
from bridge.forges.chinese import REASONS, WORDS
from bridge.model.language import Language
from bridge.model.notice import EventName
from bridge.web.api.core.chinese import TESTS, WAITS
from bridge.web.api.languages import chinese_problem


@cache
def faults(language: Language) -> Callable[[str], str]:
    """Puts what is wrong in rules into the language."""
    return reasons.faults(language, {})


def event_phrases(language: Language) -> Mapping[str, str]:
    """What each event is called, and a test, in the words of the notices."""
    statuses = words_of(language).statuses
    return {name: statuses[name].phrase for name in (*EventName, "test")}


def sentences(language: Language, of_adapters: Mapping[str, str]) -> Callable[[str], str]:
    """Puts a sentence that is stored, or that a call fails with, into the language.

    `of_adapters` are the sentences of builders and channels, in Chinese by the English ones. What has no
    Chinese form stays English.
    """
    if language != "zh-CN":
        return str
    stored = reasons.reasons(language, {**of_adapters, **WAITS, **TESTS, **WORDS, **REASONS})

    def say(sentence: str) -> str:
        found = stored(sentence)
        return found if found != sentence else chinese_problem(sentence) or sentence

    return say
