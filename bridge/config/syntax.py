"""What is wrong where a text is not YAML, in words for who wrote it."""

import re
from collections.abc import Iterator
from typing import Final

import yaml

from bridge.errors import Fault

_LINE_END: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'|(?:^|\s)#.*")
_FULL_WIDTH: Final = str.maketrans("：，；“”‘’（）［］【】｛｝　＃－", ":,;\"\"''()[][]{} #-")  # noqa: RUF001
_WIDE_KEY: Final = re.compile(r"[\s\-{,]*[\w.-]+\s*(：)")  # noqa: RUF001
_WIDE_MARK: Final = re.compile("[，【】｛｝［］]")  # noqa: RUF001
_WIDE_SPACE: Final = re.compile(r"[ \-]*(\u3000)")
_NO_SPACE: Final = re.compile(r"[\s-]*[\w.-]+:[^\s:/]")
_SOURCE: Final = re.compile(r":\s+(env|file|credential):\s")
_ENDS: Final = {"']'": "]", "'}'": "}"}
_MAX_VALUE: Final = 64


def full_width(text: str) -> str | None:
    """What to say of the first full-width mark of a value that is wrong; None where it has none."""
    found = next((letter for letter in text[:_MAX_VALUE] if ord(letter) in _FULL_WIDTH), None)
    return f"holds {_cured(found)}" if found else None


def _cured(letter: str, joint: str = "") -> str:
    if letter == "\u3000":
        return f"a full-width space{joint}: write a space"
    return f"the full-width {letter}{joint}: write {letter.translate(_FULL_WIDTH)}"


def syntax_fault(name: str, text: str, error: yaml.MarkedYAMLError) -> Fault:
    """The fault of a text that the parser does not read."""
    if error.problem_mark is None:
        return Fault(name, "", f"is not YAML: {error.problem}")
    lines = _LINE_END.split(text)
    line, column, problem = next(_found(lines, error))
    return Fault(f"{name}:{line + 1}:{column + 1}", "", problem)


def _found(lines: list[str], error: yaml.MarkedYAMLError) -> Iterator[tuple[int, int, str]]:
    """Line and column, from 0, and the problem: that which says most comes first."""
    mark, context = error.problem_mark, error.context_mark
    assert mark is not None
    begun = context or mark
    if "quoted scalar" in (error.context or ""):
        yield begun.line, begun.column, "a quote has no end, or a backslash in it is not doubled"
    for number in dict.fromkeys((begun.line, mark.line - 1, mark.line)):
        yield from _wide(number, _line(lines, number))
    if "could not find expected ':'" in (error.problem or ""):
        yield begun.line, begun.column, _no_key(_line(lines, begun.line))
    yield mark.line, mark.column, next(_cure(_line(lines, mark.line), mark.column, error))


def _line(lines: list[str], number: int) -> str:
    return lines[number] if 0 <= number < len(lines) else ""


def _wide(number: int, line: str) -> Iterator[tuple[int, int, str]]:
    """Full-width marks where YAML wants others: an input method for Chinese types them."""
    bare = _QUOTED.sub(lambda found: " " * len(found[0]), line)
    for found in filter(None, (_WIDE_SPACE.match(bare), _WIDE_KEY.match(bare), _WIDE_MARK.search(bare))):
        column = found.start(found.lastindex or 0)
        mark = line[column]
        space = " and a space" if mark in "：，" else ""  # noqa: RUF001
        yield number, column, f"{_cured(mark, ' means nothing in YAML')}{space}"


def _no_key(line: str) -> str:
    if _NO_SPACE.match(line):
        return "no space stands after the colon: write a colon and a space between key and value"
    return "no colon stands after the key: write a colon and a space between key and value"


def _cure(line: str, column: int, error: yaml.MarkedYAMLError) -> Iterator[str]:
    at, before, problem = line[column : column + 1], line[max(column - 1, 0) : column], error.problem or ""
    if at == "\t":
        yield "a tab cannot indent here: use spaces"
    if at in {"@", "`", "%"}:
        yield f"a value cannot begin with {at}: put it in quotes"
    if before in {"*", "&"} and "alphabetic" in problem:
        yield f"a value cannot begin with {before}: put it in quotes"
    if found := _SOURCE.search(line):
        yield f"a second colon in a line is not allowed: write {{{found[1]}: …}} in braces"
    if "mapping values are not allowed" in problem:
        yield "a colon is not allowed here: put the value in quotes, or correct the indentation"
    if "${" in line:
        yield "${…} is not replaced here: write {env: NAME}, or put the value in quotes"
    for quoted, end in _ENDS.items():
        if quoted in problem:
            yield f"a comma is missing before this, or the {end} after it"
    if "did not find expected key" in problem or "did not find expected '-'" in problem:
        yield "this line is not indented as those above it: begin it exactly below what it stands beside"
    yield f"is not YAML: {' '.join(filter(None, (error.context, problem)))}"
