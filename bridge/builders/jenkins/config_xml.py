"""The parameters that the configuration of a job declares, and how to declare more of them. Pure.

What is added is put between the bytes that are there, so that all others stay as they are.
"""

import re
from collections.abc import Sequence
from typing import Final
from xml.parsers import expat  # the user's own Jenkins, and expat bounds what entities become

from bridge.errors import Permanent

_PROPERTY: Final = "hudson.model.ParametersDefinitionProperty"
_LEVELS: Final = ("properties", _PROPERTY, "parameterDefinitions")
# Jenkins writes XML 1.1, which expat does not know; the versions differ in control characters only.
_VERSION: Final = re.compile(rb"""^(<\?xml version=['"]1\.)1""")


def definition(name: str) -> str:
    """A string parameter as it stands in a configuration; in its name are no signs of XML."""
    return (
        "<hudson.model.StringParameterDefinition>\n"
        f"          <name>{name}</name>\n"
        "          <defaultValue></defaultValue>\n"
        "          <trim>false</trim>\n"
        "        </hudson.model.StringParameterDefinition>"
    )


def declared(config: bytes) -> list[str]:
    """The names of the parameters. Raises Permanent where this is no configuration of a job."""
    return _Reader(config).names


def complete(config: bytes, names: Sequence[str]) -> bytes:
    """The configuration with string parameters of these names. Raises Permanent where it is none."""
    reader = _Reader(config)
    added = "".join(f"  {definition(name)}\n      " for name in names)
    for level in reversed(_LEVELS[reader.depth :]):
        added = f"<{level}>\n      {added}</{level}>\n    "
    at = reader.end
    if reader.closes_itself:
        tag = reader.innermost
        return config[: at - 2] + f">{added}</{tag}>".encode() + config[at:]
    return config[:at] + added.encode() + config[at:]


class _Reader:
    """Finds how many of the levels above the parameters there are, and where the innermost of them ends."""

    def __init__(self, config: bytes) -> None:
        self.names: list[str] = []
        self.depth = -1
        self.end = 0
        self.innermost = ""
        self.closes_itself = False
        self._config = config
        self._path: list[tuple[str, int]] = []
        self._text: list[str] = []
        self._parser = parser = expat.ParserCreate()
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._close
        parser.CharacterDataHandler = self._text.append
        try:
            parser.Parse(_VERSION.sub(rb"\g<1>0", config), True)  # the last piece
        except expat.ExpatError:
            raise Permanent("what Jenkins shows as the configuration of the job cannot be read") from None

    def _begin(self, name: str, _attributes: dict[str, str]) -> None:
        self._path.append((name, self._parser.CurrentByteIndex))
        self._text.clear()

    def _close(self, name: str) -> None:
        at = self._parser.CurrentByteIndex
        names = tuple(one for one, _ in self._path[1:])
        (_, begun), depth = self._path.pop(), len(names)
        if depth == len(_LEVELS) + 2 and (names[:-2], name) == (_LEVELS, "name"):
            self.names.append("".join(self._text))
        if names == _LEVELS[:depth] and depth > self.depth:
            self.depth, self.end, self.innermost = depth, at, name
            # Of a tag that closes itself, expat gives the end, of any other one where its closing tag begins.
            content = self._config[begun:at]
            self.closes_itself = content.endswith(b"/>") and content.count(b"<") == 1
