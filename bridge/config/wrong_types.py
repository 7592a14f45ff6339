"""The sentences about a value of a wrong type: what it must be, what it is, and the line to copy."""

from collections.abc import Mapping
from types import NoneType
from typing import Any, Final, get_origin

from bridge.config.model_walk import entry_of, field_keys, is_list, is_model
from bridge.config.types import Secret, Strict, is_reference
from bridge.config.words import written

WRONG_TYPES: Final = {
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
"""What is needed, by the kind of the error that pydantic reports for a value of a wrong type."""
_KINDS: Final[Mapping[type, str]] = {
    NoneType: "empty",
    bool: "a truth value",
    int: "a number",
    float: "a decimal number",
    str: "text",
    list: "a list",
    dict: "a mapping",
}
_TRUE: Final = frozenset({"true", "yes", "on", "y", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "n", "0"})
_FEW_KEYS: Final = 3


def wrong_type(error: str, given: object, annotation: Any, key: object) -> str:
    """The sentence for an error of pydantic about `key`, whose values are of the type `annotation`."""
    needed = WRONG_TYPES[error]
    return f"must be {needed}, but is {what(given)}{_cure(needed, given, annotation, key)}"


def what(given: object) -> str:
    """What a value is, in words."""
    return _KINDS.get(type(given), "something else")


def longhand(model: Any, given: object) -> str | None:
    """The line to copy in place of a shorter one that people think of."""
    found = model.longhand(given) if isinstance(model, type) and issubclass(model, Strict) else None
    return None if found is None else written(found)


def _cure(needed: str, given: object, annotation: Any, key: object) -> str:
    match needed:
        case _ if given is None:
            return ""
        case "text":
            return _text_cure(given)
        case "true or false":
            word = str(given).lower()
            return ": write true" if word in _TRUE else ": write false" if word in _FALSE else ""
        case "a list":
            return _list_cure(given, annotation, key)
        case "a mapping":
            return _mapping_cure(given, annotation, key)
        case _:
            digits = isinstance(given, str) and given.strip().isdecimal()
            return f": write {str(given).strip()} without quotes" if digits else ": write digits only"


def _text_cure(given: object) -> str:
    match given:
        case list():
            return ": write one value, without [ ] and dashes"
        case dict():
            return ": put text that begins with { in quotes"
        case _:
            return ": put it in quotes"


def _list_cure(given: object, annotation: Any, key: object) -> str:
    line = _entry(given, entry_of(annotation) if is_list(annotation) else None)
    if line is None or not isinstance(key, str):
        return ": write a dash and a space before each entry"
    return f": write {key}: [{line}]"


def _entry(given: object, kind: Any) -> str | None:
    """The value as an entry of a list whose entries are of this kind; None where it may hold a secret."""
    if kind is Secret:
        return written(given) if is_reference(given) else "{env: NAME}"
    if is_model(kind):
        known = isinstance(given, dict) and {*given} <= {*field_keys(kind)} and not _has_secrets(kind)
        return longhand(kind, given) or (written(given) if known else None)
    return written(given) if isinstance(given, str | int | float) else None


def _has_secrets(model: Any) -> bool:
    return any("Secret" in str(field.annotation) for field in model.model_fields.values())


def _mapping_cure(given: object, annotation: Any, key: object) -> str:
    if get_origin(annotation) is dict:
        return (
            ": write NAME: {…} for each, without dashes" if isinstance(given, list) else ": write NAME: {…}"
        )
    if not is_model(annotation):
        return ""
    if (line := longhand(annotation, given)) is not None:
        return f": write {key}: {line}" if isinstance(key, str) else f": write {line}"
    keys = field_keys(annotation)
    if isinstance(given, list) and len(keys) == 1 and isinstance(key, str):
        return f": write {keys[0]}: below {key}, and the list below that"
    if isinstance(given, list):
        return ": leave out the dashes before its keys"
    return f": its keys, such as {', '.join(keys[:_FEW_KEYS])}, stand below it"
