"""Patterns for branch and tag names: exact text, a glob, or a regular expression between slashes; or a list.

In a glob `*` stops at a slash and `**` does not (`**/` may also be nothing at all), `?` is one letter,
`[abc]` and `[!abc]` one of a set; each star is a group: the first is `{1}`. A regular expression has RE2's
syntax and must match the whole name; its groups are `{1}` and so on, or `{name}` for `(?P<name>…)`. The time
of both is linear in the length of the name.

In a list, patterns after a `!` leave names out. The last pattern that matches a name decides; where none
does, the name matches only if the whole list leaves out ("all but these"), as with paths.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

MAX_PATTERN: Final = 1024
MAX_PATTERNS: Final = 100
MAX_NAME_BYTES: Final = 1024
MAX_GROUPS: Final = 32
_MAX_PROGRAM_BYTES: Final = 1 << 20
_MAX_SHOWN: Final = 100
_SHOWN: Final = 3

_NOT_IN_NAMES: Final = re.compile(r"[ ~^:\\\x00-\x1f\x7f]|\.\.|@\{|//|^/|/$|\.lock$")
_REGULAR: Final = re.compile(r"\$$|[\])][+{]|\.\+|\|")
_BETWEEN_NAMES: Final = re.compile(r"[,\s]+")
_WORDS: Final[Mapping[str, str]] = {" ": "space in it", "/": "slash at an end", ".lock": ".lock at the end"}
_GLOB_PART: Final = re.compile(r"(?:(?<=/)|^)\*\*/|\*\*|\*|\?|\[[!^]?\]?[^\]]*\]|\[|[^*?\[]+")
_WHOLE_NAME: Final = {"**/": "(?:((?s:.*))/)?", "**": "((?s:.*))", "*": "([^/]*)", "?": "[^/]"}
_WITHIN_NAMES: Final = {"**/": r"(?:[^\x00]*/)?", "**": r"[^\x00]*", "*": r"[^/\x00]*", "?": r"[^/\x00]"}
_NO_GROUPS: Final[Mapping[str, str]] = MappingProxyType({})


class BadPattern(ValueError):
    """The pattern cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern; `groups` are the names of its groups."""

    text: str
    groups: frozenset[str]
    _program: Any | None
    """RE2's, or None for an exact text."""

    @property
    def is_exact(self) -> bool:
        """Whether it is the name itself."""
        return self._program is None

    def match(self, name: str) -> Mapping[str, str] | None:
        """The values of the groups if the whole of `name` matches, else None; absent groups are empty.

        `name` must be UTF-8 text of at most MAX_NAME_BYTES.
        """
        if self._program is None:
            return _NO_GROUPS if name == self.text else None
        found = self._program.fullmatch(name)
        if found is None:
            return None
        numbered = {str(number): value or "" for number, value in enumerate(found.groups(), 1)}
        return numbered | {key: value or "" for key, value in found.groupdict().items()}


_ANY: Final = Pattern("**", frozenset(), None)
"""What a list takes in that only leaves out: it has no groups."""


@lru_cache(maxsize=4096)
def compile_pattern(text: str) -> Pattern:
    """Raises BadPattern."""
    if not text:
        raise BadPattern("is empty")
    if len(text) > MAX_PATTERN:
        raise BadPattern(f"is over {MAX_PATTERN} characters")
    if len(text) > len("//") and text[0] == text[-1] == "/":
        return _regular(text, text[1:-1])
    if text[0] == "^" or "\\" in text:
        raise BadPattern(f"looks like a regular expression: write it between slashes, /{text.strip('/')}/")
    if any(letter in text for letter in "*?["):
        return _regular(text, translated(text))
    _check_exact(text)
    return Pattern(text, frozenset(), None)


class Entry(NamedTuple):
    """A pattern of a list; one that is not `wanted` leaves names out."""

    wanted: bool
    pattern: Pattern


@dataclass(frozen=True, slots=True)
class RefFilter:
    """The compiled patterns of a tag configuration."""

    entries: tuple[Entry, ...]

    def __str__(self) -> str:
        return shown([pattern.text if wanted else f"!{pattern.text}" for wanted, pattern in self.entries])

    def match(self, name: str) -> Mapping[str, str] | None:
        """As `Pattern.match`, with the groups of the last pattern that matches."""
        for wanted, pattern in reversed(self.entries):
            if (groups := pattern.match(name)) is not None:
                return groups if wanted else None
        return None if self.wanted else _NO_GROUPS

    def mismatch(self, name: str) -> str:
        """Why a name that does not match does not, in a sentence."""
        for _, pattern in reversed(self.entries):
            if pattern.match(name) is not None:
                return f"{name} is left out by !{pattern.text}"
        return f"{name} does not match {self}"

    @property
    def only_name(self) -> str | None:
        """The one name that can match; None where several can."""
        wanted = self.wanted
        return wanted[0].text if len(wanted) == 1 and wanted[0].is_exact else None

    @property
    def wanted(self) -> list[Pattern]:
        return [pattern for wanted, pattern in self.entries if wanted]

    @property
    def groups(self) -> frozenset[str]:
        """The groups that have a value whatever name matches."""
        return frozenset.intersection(*(pattern.groups for pattern in self.wanted or [_ANY]))

    @property
    def all_groups(self) -> frozenset[str]:
        """The groups that have a value for some names."""
        return frozenset[str]().union(*(pattern.groups for pattern in self.wanted))


@lru_cache(maxsize=4096)
def compile_refs(value: str | tuple[str, ...]) -> RefFilter:
    """The filter of one pattern, or of a list. Raises BadPattern."""
    if isinstance(value, str) and value.startswith("!"):
        raise BadPattern(f'only leaves out: write a list, ["**", "{value}"]')
    texts = (value,) if isinstance(value, str) else value
    return RefFilter(
        tuple(Entry(not text.startswith("!"), compile_pattern(text.removeprefix("!"))) for text in texts)
    )


def shown(texts: Sequence[str]) -> str:
    """The patterns of a list in a sentence."""
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more


def looks_regular(text: str) -> bool:
    """Whether an exact name or a glob, which Git allows as a name, may be meant as a regular expression."""
    return text[:1] != "/" and _REGULAR.search(text) is not None


def compile_program(expression: str, max_bytes: int = _MAX_PROGRAM_BYTES) -> Any:
    """RE2's program, of a bounded size. Raises BadPattern."""
    re2 = _re2()
    options = re2.Options()
    options.max_mem = max_bytes
    options.log_errors = False
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        raise BadPattern(f"is not a regular expression in RE2's syntax: {_reason(error)}") from None


def _re2() -> Any:
    import re2  # noqa: PLC0415  # it takes 2 MiB, and most rules have exact names only

    return re2


def _regular(text: str, expression: str) -> Pattern:
    program = compile_program(expression)
    if program.groups > MAX_GROUPS:
        raise BadPattern(f"has {program.groups} groups, {MAX_GROUPS} are allowed")
    numbers = {str(number) for number in range(1, program.groups + 1)}
    return Pattern(text, frozenset(numbers | set(program.groupindex)), program)


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    return text[:_MAX_SHOWN]


def translated(glob: str, *, within_names: bool = False) -> str:
    """The glob as a regular expression of RE2, without anchors. Raises BadPattern.

    `within_names` is for a search in many names at once: the expression has no groups, which are expensive,
    and nothing in it matches the NUL between two names.
    """
    words = _WITHIN_NAMES if within_names else _WHOLE_NAME
    return "".join(words.get(part) or _translated_part(part) for part in _GLOB_PART.findall(glob))


def _translated_part(part: str) -> str:
    match part:
        case "[":
            raise BadPattern("has a [ without its ]")
        case _ if part[0] == "[":
            return _translated_set(part)
        case _:
            return str(_re2().escape(part))


def _translated_set(part: str) -> str:
    inner = part[1:-1]
    negated = inner[:1] in {"!", "^"}
    letters = inner[1:] if negated else inner
    if not letters:
        raise BadPattern("has an empty set []")
    escaped = re.sub(r"([\\\[\]^&~|])", r"\\\1", letters)
    return f"[^/\\x00{escaped}]" if negated else f"[{escaped}]"


def _check_exact(text: str) -> None:
    for prefix in ("refs/heads/", "refs/tags/"):
        if text.startswith(prefix):
            raise BadPattern(
                f"write the short name, {text.removeprefix(prefix)}: code_repo_type says which it is"
            )
    if (found := _NOT_IN_NAMES.search(text)) is None:
        return
    names = [name for name in _BETWEEN_NAMES.split(text) if name]
    several = len(names) > 1 and not any(map(_NOT_IN_NAMES.search, names))
    cure = f": for several write [{', '.join(names)}]" if several else ""
    problem = f"Git allows no {_WORDS.get(found[0], found[0])}{cure}"
    raise BadPattern(f"no branch or tag can have this name: {problem}")
