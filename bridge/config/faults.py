"""Turns pydantic's errors into faults: what is wrong, where in the file, and what to do."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.config.document import Document, Loc, plain_document
from bridge.config.model_walk import annotation_at, is_named, keys_at, levels
from bridge.config.syntax import full_width
from bridge.config.types import SECRET_OF_SERVICE
from bridge.config.words import nearest
from bridge.config.wrong_types import WRONG_TYPES, longhand, what, wrong_type
from bridge.errors import ConfigError, Fault

_PLACE: Final = re.compile(r"(.*?)(?::(\d+):(\d+))?", re.DOTALL)
_FEW: Final = 4
_ALIKE: Final = 0.85
"""How alike a misspelt key is, against one that stands at a wrong place."""
_MAX_LISTED: Final = 20
_MAX_ECHO: Final = 64
_COMPARED: Final = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def suggest(word: object, known: Iterable[str]) -> str:
    """`; did you mean …?` when one of the known words is meant, else an empty text."""
    near = nearest(word, known)
    return f"; did you mean {near}?" if near else ""


def suggest_or_list(word: object, known: Iterable[str]) -> str:
    """The most similar of the known words, or a list of them."""
    names = sorted(known)
    listed = ", ".join(names[:_MAX_LISTED]) + (" …" if len(names) > _MAX_LISTED else "")
    return suggest(word, names) or (f"; known are {listed}" if names else "")


def in_order(faults: Iterable[Fault]) -> list[Fault]:
    """Each fault once, in the order of files and positions."""
    return sorted(set(faults), key=_position)


def _position(fault: Fault) -> tuple[str, int, int, str]:
    found = _PLACE.fullmatch(fault.place)
    assert found is not None
    return found[1], int(found[2] or 0), int(found[3] or 0), fault.path


def faults_of(
    error: ValidationError, model: type[BaseModel], document: Document, prefix: Loc = ()
) -> list[Fault]:
    """Every fault of a validation of the value at `prefix`; they contain no secret."""
    details = [detail for detail in error.errors(include_url=False) if not _follows(detail)]
    faults = [_fault(detail, model, document, prefix) for detail in details if not _is_of_keys(detail)]
    for parent in dict.fromkeys(detail["loc"][:-1] for detail in details if _is_of_keys(detail)):
        same = [detail for detail in details if _is_of_keys(detail) and detail["loc"][:-1] == parent]
        faults += _faults_of_keys(same, model, document, prefix)
    return in_order(faults)


def _is_of_keys(detail: ErrorDetails) -> bool:
    return detail["type"] in {"missing", "extra_forbidden"}


def _faults_of_keys(
    details: Sequence[ErrorDetails], model: type[BaseModel], document: Document, prefix: Loc
) -> Iterator[Fault]:
    """The faults of one mapping with missing or unknown keys: one mistake is one fault."""
    parent = details[0]["loc"][:-1]
    missing = {str(detail["loc"][-1]): detail for detail in details if detail["type"] == "missing"}
    unknown = {str(detail["loc"][-1]): detail for detail in details if detail["type"] == "extra_forbidden"}
    given: object = next((detail["input"] for detail in missing.values()), {})
    if missing and (line := longhand(annotation_at(model, parent), given)):
        yield document.fault(prefix + _real(document, prefix, parent), f"is shorthand: write {line}")
        return
    known = keys_at(model, parent)
    written = list(given) if isinstance(given, dict) else []
    others = [key for key in written if key not in known]
    for key in others:
        if (meant := nearest(key, missing)) is not None:
            loc = prefix + _real(document, prefix, (*parent, key))
            yield document.fault(loc, f"is not known; did you mean {meant}?")
            del missing[meant]
            unknown.pop(key, None)
    if unknown and len(others) == len(written):
        # Nothing in it is at home here.
        missing = {}
    for detail in (*missing.values(), *unknown.values()):
        yield _fault(detail, model, document, prefix)


def problems_of(error: ValidationError, model: type[BaseModel], value: object) -> list[str]:
    """As `faults_of`, for a value that was read from no file: a sentence for each, with its path."""
    try:
        found: Sequence[Fault] = faults_of(error, model, plain_document("", value))
    except ConfigError as too_deep:
        found = too_deep.faults
    return [f"{fault.path}: {fault.problem}" if fault.path else fault.problem for fault in found]


def _follows(detail: ErrorDetails) -> bool:
    """Whether a list is too short only because faulty entries, with faults of their own, are left out."""
    given = detail["input"]
    if detail["type"] != "too_short" or not isinstance(given, list):
        return False
    return len(given) >= int(detail["ctx"]["min_length"])


def _fault(detail: ErrorDetails, model: type[BaseModel], document: Document, prefix: Loc) -> Fault:
    loc = prefix + _real(document, prefix, detail["loc"])
    kind = detail["type"]
    if kind == "missing":
        return document.fault((*loc, detail["loc"][-1]), "is missing")
    if kind == "extra_forbidden":
        return document.fault(loc, _unknown_key(model, detail["loc"]))
    given = detail["input"]
    wide = full_width(given) if isinstance(given, str) else None
    return document.fault(loc, wide or _problem(detail, model, loc), warning=kind == SECRET_OF_SERVICE)


def _unknown_key(model: type[BaseModel], loc: Loc) -> str:
    """A key that is at home on one other level is named with that."""
    key, known = str(loc[-1]), keys_at(model, loc[:-1])
    if meant := nearest(key, known, like=_ALIKE):
        return f"is not known; did you mean {meant}?"
    homes = [] if is_named(model, loc) else [place for place, keys in levels(model) if key in keys]
    if len(homes) == 1:
        return f"is not known here: it belongs in {homes[0]}"
    return f"is not known{suggest_or_list(key, known)}"


def _real(document: Document, prefix: Loc, loc: Loc) -> Loc:
    """The parts of pydantic's path that are in the file; it adds others, such as names of union members."""
    found = prefix
    for part in loc:
        if (*found, part) in document.marks:
            found = (*found, part)
    return found[len(prefix) :]


def _problem(detail: ErrorDetails, model: type[BaseModel], loc: Loc) -> str:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind in WRONG_TYPES:
        return wrong_type(kind, given, annotation_at(model, detail["loc"]), loc[-1] if loc else None)
    if kind in {"literal_error", "enum"}:
        return _wrong_word(given, str(context["expected"]))
    if kind in _COMPARED:
        name, words = _COMPARED[kind]
        return f"must be {words} {context[name]}"
    if (say := _LENGTHS.get(kind)) is not None:
        return say(context)
    if kind == "value_error":
        return str(context["error"])
    return re.sub("^(?:Input|String|Value) should", "must", detail["msg"])


_LENGTHS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "too_short": lambda context: _entries("needs at least", context["min_length"]),
    "too_long": lambda context: _entries("can have at most", context["max_length"]),
    "string_too_short": lambda _: "is empty",
    "string_too_long": lambda context: f"is over {context['max_length']} characters",
}


def _entries(words: str, count: int) -> str:
    return f"{words} {count} {'entry' if count == 1 else 'entries'}"


def _wrong_word(given: object, expected: str) -> str:
    words = re.findall(r"'([^']*)'", expected)
    if not isinstance(given, str | int | float):
        return f"must be {expected.replace(chr(39), '')}, but is {what(given)}"
    near = suggest(given, words)
    if near and len(words) > _FEW:
        return f"{_echo(given)} is not known{near}"
    return f"{_echo(given)} is not {expected.replace(chr(39), '')}{near}"


def _echo(given: object) -> str:
    text = str(given).lower() if isinstance(given, bool) else str(given)
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= _MAX_ECHO else f"{text[:_MAX_ECHO]}…"
