"""Where a path of a file leads in the models of settings."""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from bridge.config.document import Loc


def annotation_at(model: type[BaseModel], loc: Loc) -> Any:
    """The type of the value at `loc`, without its metadata; None where the models know no such path."""
    inner: Any = model
    for part in loc:
        inner = _step(_bare(inner), part)
    return _bare(inner)


def keys_at(model: type[BaseModel], loc: Loc) -> list[str]:
    """The keys that are allowed in the mapping at `loc` of a model."""
    found = annotation_at(model, loc)
    return field_keys(found) if is_model(found) else []


def field_keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def levels(model: type[BaseModel], place: str = "") -> Iterator[tuple[str, list[str]]]:
    """The mappings that stand in one of a model, and in their lists, with their keys."""
    yield place or "the top level", field_keys(model)
    for name, field in model.model_fields.items():
        kind, entry = _bare(field.annotation), ""
        if is_list(kind):
            kind, entry = entry_of(kind), "an entry of "
        if is_model(kind):
            yield from levels(kind, f"{entry}{place}{'.' if place else ''}{field.alias or name}")


def is_named(model: type[BaseModel], loc: Loc) -> bool:
    """Whether `loc` leads through a mapping whose keys are names that people choose."""
    return any(get_origin(annotation_at(model, loc[:length])) is dict for length in range(len(loc)))


def entry_of(annotation: Any) -> Any:
    """The type of the entries of a list or a mapping of names."""
    args = [arg for arg in get_args(annotation) if arg is not Ellipsis]
    return _bare(args[-1]) if args else None


def is_list(annotation: Any) -> bool:
    return get_origin(annotation) in {tuple, list}


def is_model(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _step(kind: Any, part: str | int) -> Any:
    if is_model(kind):
        fields = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
        return fields.get(str(part))
    return entry_of(kind)


def _bare(annotation: Any) -> Any:
    """The annotation without its metadata and without `| None`."""
    args = [arg for arg in get_args(annotation) if arg is not NoneType]
    if get_origin(annotation) is Annotated:
        return _bare(args[0])
    if get_origin(annotation) in {Union, UnionType} and len(args) == 1:
        return _bare(args[0])
    return annotation
