"""JSON Schemas of settings; the docstring below each field becomes its description."""

import ast
import inspect
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Final, get_origin

from pydantic import BaseModel, RootModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import ModelSchema, TypedDictSchema
from typing_extensions import get_original_bases, is_typeddict

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


class Described(GenerateJsonSchema):
    """Omits titles, which would only repeat the names."""

    def model_schema(self, schema: ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        fields = schema["cls"].model_fields
        for name, text in _field_docs(_models(schema["cls"])):
            if name in fields:
                made["properties"][fields[name].alias or name]["description"] = text
        return made

    def typed_dict_schema(self, schema: TypedDictSchema) -> JsonSchemaValue:
        made = super().typed_dict_schema(schema)
        for name, text in _field_docs(_typed_dicts(schema["cls"])):
            made["properties"][name]["description"] = text
        return made

    def get_title_from_name(self, name: str) -> str:  # noqa: ARG002  # the contract's argument
        return ""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  # the contract's argument
        return False


def schema_of(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a document for `model`."""
    return model.model_json_schema(schema_generator=Described)


def _models(model: type[BaseModel]) -> Iterator[type]:
    """The classes with the fields of a model, the first ones first."""
    for cls in reversed(model.__mro__):
        # What a model of a bare value is made of has no source.
        if issubclass(cls, BaseModel) and not issubclass(cls, RootModel) and cls is not BaseModel:
            yield cls


def _typed_dicts(cls: type) -> Iterator[type]:
    """The same for a TypedDict, which does not inherit from those that it is made of."""
    for base in get_original_bases(cls):
        made_of = get_origin(base) or base
        if is_typeddict(made_of):
            yield from _typed_dicts(made_of)
    yield cls


def _field_docs(classes: Iterable[type]) -> Iterator[tuple[str, str]]:
    """Read from the source code, so that the daemon does not keep them in memory."""
    for cls in classes:
        body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
        assert isinstance(body, ast.ClassDef)
        for field, after in zip(body.body, body.body[1:], strict=False):
            match field, after:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    yield name, " ".join(text.split())
