"""Adds an entry to a YAML text without touching a byte of the rest, comments and layout among them."""

from collections.abc import Sequence
from copy import deepcopy
from textwrap import indent
from typing import Any, Final

import yaml

from bridge.config.document import documents_of
from bridge.config.words import written
from bridge.errors import ConfigError

_BOM: Final = "\ufeff"
_STEP: Final = "  "
_MAX_LINE: Final = 10_000


class CannotInsert(Exception):
    """The text has a form into which nothing can be inserted; it has to be done by hand."""


def insert(text: str, path: Sequence[str], entry: str) -> str:
    """The text with an entry at the end of the mapping or list at `path`, whose keys are made where absent.

    `entry` is YAML in block style without indentation: `name:` and its settings, or a list item. Raises
    CannotInsert.
    """
    node, known = yaml.compose(text, Loader=yaml.SafeLoader), 0
    if not isinstance(node, yaml.MappingNode):
        raise CannotInsert
    key: yaml.Node | None = None
    while known < len(path) and (found := _child(node, path[known])) is not None:
        (key, node), known = found, known + 1
    wrapped = entry
    for name in reversed(path[known:]):
        wrapped = f"{name}:\n{indent(wrapped, _STEP)}"
    changed = _inserted(text, node, key, wrapped)
    try:
        done = _data(changed) == _expected(_data(text), path, _data(entry))
    except (ConfigError, TypeError):
        done = False
    if not done:
        raise CannotInsert
    return changed


def _child(node: yaml.Node | None, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((key, value) for key, value in node.value if key.value == name), None)


def _inserted(text: str, node: yaml.Node | None, key: yaml.Node | None, entry: str) -> str:
    if isinstance(node, yaml.CollectionNode) and node.value:
        if node.flow_style:
            return _into_flow(text, node, entry)
        first = node.value[0][0] if isinstance(node, yaml.MappingNode) else node
        column = first.start_mark.column
        return _with_lines(text, _end_of_block(text, node, column), indent(entry, " " * column))
    if key is None:
        raise CannotInsert
    if isinstance(node, yaml.CollectionNode):
        # {} or [] gives way.
        text = text[: node.start_mark.index].rstrip(" ") + text[node.end_mark.index :]
    place = _end_of_line(text, key.end_mark.index)
    return _with_lines(text, place, indent(entry, " " * key.start_mark.column + _STEP))


def _into_flow(text: str, node: yaml.CollectionNode, entry: str) -> str:
    line = written(_data(entry), _MAX_LINE)
    if line is None:
        raise CannotInsert
    end = node.end_mark.index - 1
    comma = "" if text[:end].rstrip().endswith(",") else ", "
    before = text[:end].rstrip() if "\n" not in text[node.start_mark.index : end] else text[:end]
    return before + comma + line[1:-1] + text[len(before) :]


def _end_of_block(text: str, node: yaml.Node, column: int) -> int:
    """Behind the last line of a block, and the comments below it that are indented like its entries."""
    last = node
    while isinstance(last, yaml.CollectionNode) and last.value and not last.flow_style:
        last = last.value[-1][1] if isinstance(last, yaml.MappingNode) else last.value[-1]
    end = last.end_mark.index
    place = end if end and text[end - 1] == "\n" else _end_of_line(text, end)
    while column:
        after = _end_of_line(text, place)
        line = text[place:after]
        if not line.lstrip().startswith("#") or len(line) - len(line.lstrip(" ")) < column:
            break
        place = after
    return place


def _end_of_line(text: str, index: int) -> int:
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _with_lines(text: str, place: int, lines: str) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    before = text[:place]
    joint = newline if before and not before.endswith("\n") else ""
    return f"{before}{joint}{lines.rstrip().replace(chr(10), newline)}{newline}{text[place:]}"


def _data(text: str) -> Any:
    (document,) = documents_of("", text.removeprefix(_BOM))
    return document.data


def _expected(before: Any, path: Sequence[str], entry: Any) -> Any:
    found = deepcopy(before)
    inner, empty = found, type(entry)
    for name in path[:-1]:
        inner[name] = inner.get(name) or {}
        inner = inner[name]
    there = inner.get(path[-1]) or empty()
    inner[path[-1]] = there | entry if isinstance(entry, dict) else there + entry
    return found
