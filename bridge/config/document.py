"""Reads YAML as plain data, with the position of every key and list item.

Numbers and words are read as in YAML 1.2: only `true` and `false` are booleans; dates, octal numbers and
`yes` stay text. Keys are always text.
"""

import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

import yaml

from bridge.config.inner_place import place_within
from bridge.config.syntax import syntax_fault
from bridge.errors import ConfigError, Fault

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32
MAX_NODES: Final = 200_000
MAX_DOCUMENTS: Final = 1000
_MAX_WORD: Final = 128

Loc = tuple[str | int, ...]
"""The keys and list indexes that lead to a value."""

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,17}\.[0-9]{1,17}(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: Final = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
# The parser of libyaml, where PyYAML has it, is ten times as fast.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """One document: `marks` holds line and column by path, from 1; `faults` are keys given twice.

    In what was not read from a text every line is 0, and `file` alone is the place. `text` is that of the
    whole file.
    """

    file: str
    data: object
    marks: dict[Loc, tuple[int, int]]
    faults: tuple[Fault, ...] = ()
    text: str = field(default="", repr=False)

    def place(self, loc: Loc) -> str:
        """`file:line:column` of the key or item at `loc`, or of the nearest one around it."""
        while loc not in self.marks:
            loc = loc[:-1]
        line, column = self.marks[loc]
        return f"{self.file}:{line}:{column}" if line else self.file

    def fault(self, loc: Loc, problem: str, *, warning: bool = False) -> Fault:
        return Fault(self.place(loc), dotted(loc), problem, warning)

    def fault_within(self, loc: Loc, offset: int, problem: str) -> Fault:
        """A fault of the character `offset` of the text at `loc`, in the only document of a file."""
        line, column = place_within(self.text, loc, offset)
        return Fault(f"{self.file}:{line}:{column}", dotted(loc), problem)


def plain_document(name: str, data: object) -> Document:
    """A document of data that was not read from a text. Raises ConfigError when it is nested too deep."""
    marks: dict[Loc, tuple[int, int]] = {}
    inner: list[tuple[Loc, object]] = [((), data)]
    while inner:
        loc, value = inner.pop()
        if len(loc) >= MAX_DEPTH:
            raise ConfigError([Fault(name, "", f"is nested over {MAX_DEPTH} deep")])
        marks[loc] = 0, 0
        if isinstance(value, dict):
            inner += [((*loc, key), item) for key, item in value.items()]
        elif isinstance(value, list):
            inner += [((*loc, index), item) for index, item in enumerate(value)]
    return Document(name, data, marks)


def value_at(data: object, loc: Loc) -> object:
    """What stands at a place; None where nothing does."""
    for part in loc:
        if isinstance(data, dict):
            data = data.get(part)
        else:
            data = (
                data[part] if isinstance(data, list) and isinstance(part, int) and part < len(data) else None
            )
    return data


def dotted(loc: Loc) -> str:
    """A path in the usual notation: `build_config.tag_configs[1].is_active`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{_word(part)}" for part in loc)
    return text.removeprefix(".")


def _word(text: str) -> str:
    """A word of the file for the text of a fault: one printable line of bounded length."""
    word = "".join(letter if letter.isprintable() else "?" for letter in text[:_MAX_WORD])
    return f"{word}…" if len(text) > _MAX_WORD else word


def shown(path: Path) -> str:
    """A file's name for the text of a fault: one printable line."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(path))


def read_documents(path: Path) -> list[Document]:
    """The documents of a file, without empty ones. Raises ConfigError."""
    return documents_of(shown(path), _text(path))


def documents_of(name: str, text: str) -> list[Document]:
    """The documents of a text, without empty ones; `name` says where it is from. Raises ConfigError."""
    _check_letters(name, text)
    try:
        return list(_Composer(name, text).documents())
    except yaml.MarkedYAMLError as error:
        _check_before(error, name, text)
        raise ConfigError([syntax_fault(name, text, error)]) from None


def _check_before(error: yaml.MarkedYAMLError, name: str, text: str) -> None:
    """Applies our own limits to the text before the parser's error. Raises ConfigError.

    The parser reads ahead and has limits of its own in newer versions: it may stop far behind our limit.
    """
    if error.problem_mark is not None:
        with suppress(yaml.MarkedYAMLError):
            list(_Composer(name, text[: error.problem_mark.index]).documents())


def _text(path: Path) -> str:
    name = shown(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ConfigError([Fault(name, "", "is not a file")])
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        cure = ": create it, or correct what names it" if isinstance(error, FileNotFoundError) else ""
        raise ConfigError([Fault(name, "", f"cannot be read: {error.strerror}{cure}")]) from None
    if len(data) > MAX_BYTES:
        raise ConfigError([Fault(name, "", "is over 1 MiB: split it into several files")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise ConfigError([Fault(f"{name}:{line}:{column}", "", "is not UTF-8 text")]) from None


def _check_letters(name: str, text: str) -> None:
    if found := _CONTROL.search(text):
        line, column = (
            text.count("\n", 0, found.start()) + 1,
            found.start() - text.rfind("\n", 0, found.start()),
        )
        problem = f"the control character U+{ord(found[0]):04X} is not allowed"
        raise ConfigError([Fault(f"{name}:{line}:{column}", "", problem)])


class _Composer:
    """Builds data from the parser's events, so that rejected constructs are never built."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=_LOADER)
        self._nodes = 0
        self._marks: dict[Loc, tuple[int, int]] = {}
        self._faults: list[Fault] = []

    def documents(self) -> Iterator[Document]:
        count = 0
        for event in self._events:
            if not isinstance(event, yaml.DocumentStartEvent):
                continue
            count += 1
            if count > MAX_DOCUMENTS:
                self._reject(event, (), f"the file holds over {MAX_DOCUMENTS} documents: split it")
            self._marks, self._faults = {}, []
            data = self._node(next(self._events), ())
            if data is not None:
                yield Document(self._file, data, self._marks, tuple(self._faults), self._text)

    def _node(self, event: yaml.Event, loc: Loc) -> object:
        self._check(event, loc)
        self._marks.setdefault(loc, _position(event))
        match event:
            case yaml.SequenceStartEvent():
                items = self._until(yaml.SequenceEndEvent)
                return [self._node(item, (*loc, index)) for index, item in enumerate(items)]
            case yaml.MappingStartEvent():
                return self._mapping(loc)
            case yaml.ScalarEvent():
                return _scalar(event)
            case _:
                raise AssertionError(event)

    def _mapping(self, loc: Loc) -> dict[str, object]:
        found: dict[str, object] = {}
        for key in self._until(yaml.MappingEndEvent):
            if not isinstance(key, yaml.ScalarEvent):
                self._reject(key, loc, "a key must be text: put a value that begins with { or [ in quotes")
            self._check(key, loc)
            inner = (*loc, key.value)
            if key.value in found:
                self._twice(key, inner)
                self._node(next(self._events), (*inner, "again"))
                continue
            self._marks[inner] = _position(key)
            found[key.value] = self._node(next(self._events), inner)
        return found

    def _twice(self, key: yaml.Event, loc: Loc) -> None:
        line, column = self._marks[loc]
        problem = f"is given twice; the first is at {self._file}:{line}:{column}"
        self._faults.append(Fault(self._place(key), dotted(loc), problem))

    def _until(self, end: type[yaml.Event]) -> Iterator[yaml.Event]:
        while not isinstance(event := next(self._events), end):
            yield event

    def _check(self, event: yaml.Event, loc: Loc) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            self._reject(event, loc, f"the file holds over {MAX_NODES} values: split it")
        if len(loc) >= MAX_DEPTH:
            self._reject(event, (), f"is nested over {MAX_DEPTH} deep")
        if isinstance(event, yaml.AliasEvent):
            problem = (
                f"*{_word(str(event.anchor))} is a YAML alias, which is not allowed: write the value out"
            )
            self._reject(event, loc, f"{problem}, or put a text that begins with * in quotes")
        if (anchor := getattr(event, "anchor", None)) is not None:
            problem = "is a YAML anchor, which is not allowed: leave it out"
            self._reject(
                event, loc, f"&{_word(anchor)} {problem}, or put a text that begins with & in quotes"
            )
        if (tag := getattr(event, "tag", None)) is not None:
            problem = "is a YAML tag, which is not allowed: leave it out"
            short = tag.replace("tag:yaml.org,2002:", "!!")
            self._reject(event, loc, f"{_word(short)} {problem}, or put a text that begins with ! in quotes")

    def _reject(self, event: yaml.Event, loc: Loc, problem: str) -> NoReturn:
        raise ConfigError([*self._faults, Fault(self._place(event), dotted(loc), problem)])

    def _place(self, event: yaml.Event) -> str:
        line, column = _position(event)
        return f"{self._file}:{line}:{column}"


def _position(event: yaml.Event) -> tuple[int, int]:
    assert event.start_mark is not None
    return event.start_mark.line + 1, event.start_mark.column + 1


def reads_as_text(text: str) -> bool:
    """Whether a value without quotes is text."""
    return not (text in _WORDS or _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text))


def _scalar(event: yaml.ScalarEvent) -> object:
    text: str = event.value
    if not event.implicit[0] or reads_as_text(text):
        return text
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.fullmatch(text) else float(text)
