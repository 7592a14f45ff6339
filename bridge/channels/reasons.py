"""Puts what the bridge itself says of an event into the reader's language."""

from collections.abc import Callable, Mapping

from bridge.channels.chinese import CHINESE
from bridge.channels.templates.chinese import CHINESE as OF_TEMPLATES
from bridge.config.chinese import CHINESE as OF_FILES
from bridge.config.fault_notice import KEPT, kept_in_chinese
from bridge.model.language import Language, translator
from bridge.rules.chinese import CHINESE as OF_RULES


def reasons(language: Language, sentences: Mapping[str, str]) -> Callable[[str], str]:
    """Sentences, or what is wrong in the rules; `sentences` are those of adapters."""
    if language != "zh-CN":
        return str
    one = translator(language, {**CHINESE, **sentences})
    fault = faults(language, sentences)

    def say(detail: str) -> str:
        return kept_in_chinese(detail, fault) if detail.startswith(KEPT) else one(detail)

    return say


def faults(language: Language, sentences: Mapping[str, str]) -> Callable[[str], str]:
    """What is wrong in bridge.yaml, the rules or templates."""
    return translator(language, {**sentences, **OF_FILES, **OF_RULES, **OF_TEMPLATES}, cures=True)
