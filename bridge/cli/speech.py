"""What a command says, in the language of who reads it.

A command says its own sentences by `tell`, with their values. What is said elsewhere, such as an error or the
reason of a build, comes as a finished English sentence: `reason` finds its Chinese form by its words. What
has none stays English. The Chinese texts are only imported for who reads them.
"""

import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

from bridge.cli.language import language_of
from bridge.errors import ConfigError, Fault
from bridge.model.language import Language, Tell, speaker
from bridge.model.notice import NoticeState


@dataclass
class Reader:
    """Who reads what this command says: the language that was `given`, and the file that was."""

    given: str | None = None
    config: str | None = None

    @cached_property
    def language(self) -> Language:
        return language_of(self.given, self.config)

    @cached_property
    def tell(self) -> Tell:
        if self.language == "en":
            return speaker("en", {})
        from bridge.cli.chinese import SENTENCES  # noqa: PLC0415

        return speaker(self.language, SENTENCES)

    @cached_property
    def reason(self) -> Callable[[str], str]:
        return str if self.language == "en" else _chinese_reasons()

    def word(self, key: str, usual: str) -> str:
        if self.language == "en":
            return usual
        from bridge.web.pages.i18n import TEXTS  # noqa: PLC0415

        texts = TEXTS[self.language]
        return str(texts(key)) if key in texts else usual

    @cached_property
    def problem(self) -> Callable[[str], str]:
        """Says what is wrong in a file."""
        return str if self.language == "en" else _chinese_problems()


_FAULT: Final = re.compile(r"(\S*?\.\w+(?::\d+:\d+)?): (?:([^\s:]+): )?(.*)", re.DOTALL)
_READER: Final[ContextVar[Reader | None]] = ContextVar("reader", default=None)


def reader() -> Reader:
    """Who reads what the running command says."""
    found = _READER.get()
    if found is None:
        found = begin()
    return found


def begin() -> Reader:
    """A command begins, and nothing is known yet of who reads what it says."""
    found = Reader()
    _READER.set(found)
    return found


def tell(sentence: str, /, **values: object) -> str:
    """A sentence of a command in the language of the reader, with the values in it."""
    return reader().tell(sentence, **values)


def reason(sentence: str) -> str:
    """A finished English sentence in the language of the reader."""
    return reader().reason(sentence)


def word(key: str, usual: str) -> str:
    """A word of documents: the one of the pages, by its key there, for who does not read English."""
    return reader().word(key, usual)


def state_word(state: str) -> str:
    """The word for a state of a build, a delivery or a notice."""
    return word(f"state.{state}", str(state))


def notice_state_word(state: str) -> str:
    """The same for a notice: one that is dead could not be sent."""
    return word("state.unsent", str(state)) if state == NoticeState.DEAD else state_word(state)


def fault_line(fault: Fault) -> str:
    """A fault in one line, which begins with its place as editors find it."""
    return _line(fault)


def warning_line(fault: Fault) -> str:
    """The same for a warning; one of a whole file says so in front."""
    if not fault.path:
        return tell("warning: {fault}", fault=fault_line(fault))
    return _line(fault, tell("warning"))


def _line(fault: Fault, *before: str) -> str:
    parts = filter(None, (*before, fault.path, reader().problem(fault.problem)))
    return str(Fault(fault.place, "", tell(": ").join(parts)))


def fault_text(text: str) -> str:
    """A fault that the daemon has written in one line."""
    found = _FAULT.fullmatch(text)
    return fault_line(Fault(found[1], found[2] or "", found[3])) if found else reason(text)


def error_lines(error: BaseException) -> list[str]:
    """An expected error: a line for each fault, else its sentence."""
    if isinstance(error, ConfigError):
        return [fault_line(fault) for fault in error.faults]
    return [reason(str(error))]


@cache
def _chinese_reasons() -> Callable[[str], str]:
    from bridge.cli.chinese_reasons import CHINESE  # noqa: PLC0415
    from bridge.web.pages.sentences import sentences  # noqa: PLC0415

    return sentences("zh-CN", {**_of_adapters(), **CHINESE})


@cache
def _chinese_problems() -> Callable[[str], str]:
    from bridge.channels import chinese as of_channels  # noqa: PLC0415
    from bridge.channels.reasons import faults  # noqa: PLC0415
    from bridge.cli.chinese_faults import CHINESE  # noqa: PLC0415

    return faults("zh-CN", {**of_channels.CHINESE, **_of_adapters(), **CHINESE})


def _of_adapters() -> dict[str, str]:
    """What builders and channels say, in Chinese by the English sentences."""
    from bridge.registry import BUILDERS, CHANNELS  # noqa: PLC0415

    sentences: dict[str, str] = {}
    for builder in BUILDERS.values():
        sentences |= builder.chinese
    for channel in CHANNELS.values():
        sentences |= channel.chinese
    return sentences
