"""Where a character of a text value stands in its YAML file, whatever quotes or block it is written in."""

import re
from collections.abc import Iterator
from typing import Final

import yaml

_LINE_END: Final = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_LETTER: Final = {
    '"': re.compile(r"\\(?P<code>x.{2}|u.{4}|U.{8})|\\(?P<letter>\r\n|.)|.", re.DOTALL),
    "'": re.compile(r"''|.", re.DOTALL),
}
_ANY: Final = re.compile(r".", re.DOTALL)
_SPACES: Final = frozenset(" \t\n\rtnrvfNLP_")
"""After a backslash they stand for white space, or for the end of a line that is none."""


def place_within(text: str, loc: tuple[str | int, ...], offset: int) -> tuple[int, int]:
    """Line and column, from 1, of the character `offset` of the value at `loc`, which is there.

    Only what is no white space is counted: blocks and quotes differ from their values in nothing else. The
    place of white space is that of what follows it.
    """
    node = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    for part in loc:
        node = _child(node, part)
    assert isinstance(node, yaml.ScalarNode)
    count = sum(not letter.isspace() for letter in node.value[:offset])
    place = node.start_mark.index
    for index in _letters(text[: node.end_mark.index], place, node.style or ""):
        place = index
        if count == 0:
            break
        count -= 1
    ends = list(_LINE_END.finditer(text, 0, place))
    return len(ends) + 1, place - (ends[-1].end() if ends else 0) + 1


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node:
    assert isinstance(node, yaml.CollectionNode)
    if isinstance(part, int):
        found: yaml.Node = node.value[part]
    else:
        found = next(value for key, value in node.value if key.value == part)
    return found


def _letters(text: str, start: int, style: str) -> Iterator[int]:
    """The indexes of what a value has besides white space."""
    if style in {"|", ">"}:
        start = next((found.end() for found in _LINE_END.finditer(text, start)), len(text))
    elif style:
        start, text = start + 1, text[:-1]
    for found in _LETTER.get(style, _ANY).finditer(text, start):
        groups = found.groupdict()
        if code := groups.get("code"):
            is_space = chr(int(code[1:], 16)).isspace()
        elif letter := groups.get("letter"):
            is_space = letter[0] in _SPACES
        else:
            is_space = found[0].isspace()
        if not is_space:
            yield found.start()
