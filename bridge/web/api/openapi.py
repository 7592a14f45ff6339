"""The OpenAPI 3.1 document of all dialects, made from the types that check requests and write answers."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import TypeAdapter
from starlette.responses import Response

from bridge import __version__
from bridge.config.jsonschema import Described
from bridge.web.api.browsers import PLAIN_NAME, SECURE_NAME
from bridge.web.api.idempotency import MAX_KEY
from bridge.web.api.operation import EVENT_STREAM, Dialect, Operation, SecurityScheme

_PLACE: Final = re.compile(r"\{(\w+)(?::(\w+))?\}")
_PLACE_TYPES: Final[Mapping[str, Mapping[str, Any]]] = {"number": {"type": "integer", "minimum": 0}}
_SCHEMES: Final[Mapping[SecurityScheme, Mapping[str, str]]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer <token>"},
    "word-token": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "Token <token>",
    },
    "bare": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "the token, without a word before it",
    },
    "auth-token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Auth-Token",
        "description": "the token, as POST /v3/auth/tokens answers it in X-Subject-Token, too",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "SDK-HMAC-SHA256 Access=<access key>, SignedHeaders=<names>, Signature=<hex>: what "
        "the secret key signs, with an X-Sdk-Date that is signed, too, and at most 15 minutes off",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": PLAIN_NAME,
        "description": f"what signing in on the page /sign-in sets, as {SECURE_NAME} where server.public_url "
        "has https; a request that changes something has to come from our own pages: with Sec-Fetch-Site: "
        "same-origin or, where a browser sends none, with our own address as its Origin; else it is 403",
    },
}
_IDEMPOTENCY_KEY: Final[Mapping[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request under the same key is done once; another one is 422.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY, "pattern": "^[!-~]+$"},
}
_IF_MATCH: Final[Mapping[str, Any]] = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "description": "ETags of what is to be changed as it was read: where it is another by now, this is 412.",
    "schema": {"type": "string"},
}
_IF_NONE_MATCH: Final[Mapping[str, Any]] = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "ETags of answers that the client has: where one of them is still so, this is 304.",
    "schema": {"type": "string"},
}
_LAST_EVENT_ID: Final[Mapping[str, Any]] = {
    "name": "Last-Event-ID",
    "in": "header",
    "required": False,
    "description": "The `seq` of the last event that the client has: the stream goes on behind it.",
    "schema": {"type": "string", "pattern": "^[0-9]{1,15}$"},
}
_UNCHANGED: Final = {"304": {"description": "the ETag of If-None-Match is still that of the answer"}}
_Key = tuple[int, str]
"""An operation, and which part of it: its query, its body or its answer."""


def openapi(dialects: Iterable[type[Dialect]]) -> dict[str, Any]:
    """The document: paths, parameters, bodies, answers and failures of every operation."""
    found = [(dialect, operation) for dialect in dialects for operation in dialect.operations]
    schemas, components = _schemas([operation for _, operation in found])
    paths: dict[str, dict[str, Any]] = {}
    for index, (dialect, operation) in enumerate(found):
        parts = {part: schema for (of, part), schema in schemas.items() if of == index}
        entry = _entry(dialect, operation, parts, components)
        paths.setdefault(_PLACE.sub(r"{\1}", operation.path), {})[operation.method.lower()] = entry
    return {
        "openapi": "3.1.0",
        "info": {"title": "Buildbridge", "version": __version__},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": _SCHEMES,
        },
    }


def _schemas(operations: Sequence[Operation]) -> tuple[dict[_Key, Any], dict[str, Any]]:
    """The schema of each part of each operation, and what these refer to."""
    inputs = [
        ((index, part), "serialization" if part == "answer" else "validation", TypeAdapter(kind))
        for index, operation in enumerate(operations)
        for part, kind in _typed_parts(operation)
    ]
    made, rest = TypeAdapter.json_schemas(
        inputs,  # type: ignore[arg-type]  # which mode it is, it does not see
        ref_template="#/components/schemas/{model}",
        schema_generator=Described,
    )
    return {key: schema for (key, _), schema in made.items()}, rest.get("$defs", {})


def _typed_parts(operation: Operation) -> Iterator[tuple[str, Any]]:
    if operation.query is not None:
        yield "query", operation.query
    if operation.body is not None:
        yield "body", operation.body
    if operation.media_type == "application/json" and operation.answer is not Response:
        yield "answer", operation.answer


def _entry(
    dialect: type[Dialect], operation: Operation, parts: Mapping[str, Any], components: Mapping[str, Any]
) -> dict[str, Any]:
    summary, _, more = operation.description.partition("\n\n")
    content: Mapping[str, Any] = (
        {"schema": dialect.answer_schema(parts["answer"])} if "answer" in parts else {}
    )
    has_tag = operation.method == "GET" and not operation.streamed and "answer" in parts
    entry: dict[str, Any] = {
        "operationId": f"{dialect.name}_{operation.name or operation.view.__name__}",
        "tags": [dialect.name],
        "summary": " ".join(summary.split()),
        "parameters": [
            *_places(operation),
            *_parameters(parts.get("query"), components),
            *_headers(operation, has_tag=has_tag),
        ],
        "responses": {
            str(operation.status): {"description": "done", "content": {operation.media_type: content}},
            **(_UNCHANGED if has_tag else {}),
            "default": {
                "description": "not done: the status and the text say why",
                "content": {"application/json": {"schema": dialect.error_schema}},
            },
        },
        "security": [*({scheme: []} for scheme in dialect.schemes), *([{}] if operation.public else [])],
    }
    if more:
        entry["description"] = " ".join(more.split())
    if "body" in parts:
        entry["requestBody"] = {"required": True, "content": {"application/json": {"schema": parts["body"]}}}
    return entry


def _headers(operation: Operation, *, has_tag: bool) -> Iterator[Mapping[str, Any]]:
    """The headers that an operation looks at."""
    if operation.takes_key:
        yield _IDEMPOTENCY_KEY
    if operation.conditional:
        yield _IF_MATCH
    if has_tag:
        yield _IF_NONE_MATCH
    if operation.media_type == EVENT_STREAM:
        yield _LAST_EVENT_ID


def _places(operation: Operation) -> Iterator[dict[str, Any]]:
    """The parameters that stand in the path."""
    for name, kind in _PLACE.findall(operation.path):
        schema = _PLACE_TYPES.get(kind, {"type": "string"})
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _parameters(query: Mapping[str, Any] | None, components: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The parameters of the query, each with the text that stands below it in the code."""
    if query is None:
        return
    model = components[query["$ref"].rpartition("/")[2]] if "$ref" in query else query
    for name, schema in model["properties"].items():
        about = {"description": schema["description"]} if "description" in schema else {}
        required = name in model.get("required", ())
        yield {"name": name, "in": "query", "required": required, "schema": _text(schema)} | about


def _text(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What may stand in a query: it has no null, but can be left out."""
    bare = {key: value for key, value in schema.items() if key != "description"}
    if bare.get("default", ...) is None:
        del bare["default"]
    if "anyOf" in bare:
        (only,) = [one for one in bare.pop("anyOf") if one.get("type") != "null"]
        bare |= only
    return bare
