"""Turns pydantic's errors into faults: what is wrong, where in the file, and what to do."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bridge.config.document import Document, Loc, plain_document
from bridge.errors import ConfigError, Fault

_NEEDED: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
_PLACE: Final = re.compile(r"(.*?)(?::(\d+):(\d+))?", re.DOTALL)
_FEW: Final = 4
_MAX_LISTED: Final = 20
_MAX_ECHO: Final = 64
_KINDS: Final[Mapping[type, str]] = {
    NoneType: "empty",
    bool: "a truth value",
    int: "a number",
    float: "a decimal number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}
_COMPARED: Final = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def suggest(word: object, known: Iterable[str]) -> str:
    """`; did you mean …?` when one of the known words is similar, else an empty text."""
    by_lower = {name.lower(): name for name in known}
    # Only where something is wrong: the daemon starts without faults, and keeps what it has imported.
    import difflib  # noqa: PLC0415

    near = difflib.get_close_matches(str(word).lower()[:64], by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]}?" if near else ""


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
    return in_order(_fault(detail, model, document, prefix) for detail in details)


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
    return document.fault(loc, _problem(detail))


def _unknown_key(model: type[BaseModel], loc: Loc) -> str:
    """A key that is at home on one other level is named with that."""
    homes = [place for place, keys in _levels(model) if str(loc[-1]) in keys]
    if len(homes) == 1:
        return f"is not known here: it belongs in {homes[0]}"
    return f"is not known{suggest(loc[-1], _keys(model, loc[:-1]))}"


def _real(document: Document, prefix: Loc, loc: Loc) -> Loc:
    """The parts of pydantic's path that are in the file; it adds others, such as names of union members."""
    found = prefix
    for part in loc:
        if (*found, part) in document.marks:
            found = (*found, part)
    return found[len(prefix) :]


def _problem(detail: ErrorDetails) -> str:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind in _NEEDED:
        return _wrong_type(_NEEDED[kind], given)
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


def _wrong_type(needed: str, given: object) -> str:
    problem = f"must be {needed}, but is {_what(given)}"
    if needed != "text" or given is None or isinstance(given, list):
        return problem
    return (
        f"{problem}: put text that begins with {{ in quotes"
        if isinstance(given, dict)
        else f"{problem}: put it in quotes"
    )


def _what(given: object) -> str:
    return _KINDS.get(type(given), "something else")


def _wrong_word(given: object, expected: str) -> str:
    words = re.findall(r"'([^']*)'", expected)
    if not isinstance(given, str | int | float):
        return f"must be {expected.replace(chr(39), '')}, but is {_what(given)}"
    near = suggest(given, words)
    if near and len(words) > _FEW:
        return f"{_echo(given)} is not known{near}"
    return f"{_echo(given)} is not {expected.replace(chr(39), '')}{near}"


def _echo(given: object) -> str:
    text = str(given).lower() if isinstance(given, bool) else str(given)
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= _MAX_ECHO else f"{text[:_MAX_ECHO]}…"


def _keys(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys that are allowed in the mapping at `loc` of a model."""
    inner: Any = model
    for part in loc:
        inner = _step(_bare(inner), part)
    found = _bare(inner)
    if not _is_model(found):
        return []
    return [field.alias or name for name, field in found.model_fields.items()]


def _levels(model: type[BaseModel], place: str = "") -> Iterator[tuple[str, list[str]]]:
    """The mappings that stand in one of a model, and in their lists, with their keys."""
    yield place or "the top level", _keys(model, ())
    for name, field in model.model_fields.items():
        kind, entry = _bare(field.annotation), ""
        if get_origin(kind) in {tuple, list}:
            kind, entry = _bare(get_args(kind)[0]), "an entry of "
        if _is_model(kind):
            yield from _levels(kind, f"{entry}{place}{'.' if place else ''}{field.alias or name}")


def _step(kind: Any, part: str | int) -> Any:
    if _is_model(kind):
        fields = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
        return fields.get(str(part))
    args = [arg for arg in get_args(kind) if arg is not Ellipsis]
    return args[-1] if args else None


def _bare(annotation: Any) -> Any:
    """The annotation without its metadata and without `| None`."""
    args = [arg for arg in get_args(annotation) if arg is not NoneType]
    if get_origin(annotation) is Annotated:
        return _bare(args[0])
    if get_origin(annotation) in {Union, UnionType} and len(args) == 1:
        return _bare(args[0])
    return annotation


def _is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
