# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""Puts what the bridge itself says of an event into the reader's language."""

from collections.abc import Callable, Mapping
from typing import Final

from bridge.channels.chinese import CHINESE
from bridge.channels.templates.chinese import CHINESE as OF_TEMPLATES
from bridge.config.chinese import CHINESE as OF_FILES
from bridge.config.fault_notice import KEPT, kept_in_chinese
from bridge.model.language import Language, translator
from bridge.rules.chinese import CHINESE as OF_RULES

_JOINTS: Final = {": ": "：", "; ": "；"}


def reasons(language: Language, sentences: Mapping[str, str]) -> Callable[[str], str]:
    """Sentences with `; ` between them, or what is wrong in the rules; `sentences` are those of adapters."""
    if language != "zh-CN":
        return str
    one = translator(language, {**CHINESE, **sentences})
    fault = translator(language, {**sentences, **OF_FILES, **OF_RULES, **OF_TEMPLATES}, _JOINTS)

    def say(detail: str) -> str:
        if detail.startswith(KEPT):
            return kept_in_chinese(detail, fault)
        return "；".join(map(one, detail.split("; ")))

    return say
