"""One call of an API: its route and its part of the OpenAPI document are made from one `Operation`.

What a call takes and answers stands in the signature of its view: `query` and `body`, models of pydantic, and
the type that is returned.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from http import HTTPStatus
from inspect import getdoc
from typing import Any, ClassVar, Final, Literal, Protocol, TypeVar, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, RootModel, ValidationError
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.config.faults import problems_of
from bridge.errors import BadPayload, StoreError
from bridge.forges import strictjson
from bridge.model.access import Principal
from bridge.web.api.answers import STORE_FAILED, headers_of, json_answer
from bridge.web.api.body import body_of
from bridge.web.api.browsers import OwnPages, SessionCookie
from bridge.web.api.caching import with_caching
from bridge.web.api.core.errors import (
    CallError,
    Invalid,
    NoSuchPath,
    Unauthenticated,
    Unavailable,
    WrongMethod,
)
from bridge.web.api.idempotency import HEADER, Attempts
from bridge.web.api.languages import language_of, said

_WHOLE: Final = re.compile("-?[0-9]+")
_NO_PATH: Final = "there is no such path here: /openapi.json lists all of the API"

EVENT_STREAM: Final = "text/event-stream"

Method = Literal["GET", "POST", "PUT", "DELETE"]
SecurityScheme = Literal["bearer", "word-token", "bare", "auth-token", "signature", "session"]


class _Number(Convertor[int]):
    """A number in a path; one of more digits is no number that anything has, and costs much to read."""

    regex = "[0-9]{1,15}"

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


register_url_convertor("number", _Number())


class KnowsCallers(Protocol):
    """Who sends requests, and from where."""

    @property
    def cookie(self) -> SessionCookie:
        """The cookie in which browsers have their session."""

    @property
    def own_pages(self) -> OwnPages:
        """What tells requests of our own pages from those of other sites."""

    async def principal(self, request: Request, *, of_page: bool = False) -> Principal | None:
        """Who sends it; None without any token. Raises CallError for one that is not valid."""

    def origin(self, request: Request) -> str:
        """The address that it comes from."""

    async def sign_in(self, request: Request, name: str | None, token: str) -> Principal:
        """Whose token it is; with a name, it has to have that. Raises CallError."""


class Arguments(BaseModel):
    """What may stand in the query of a call; texts become numbers, and other names are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)


class Document(BaseModel):
    """A mapping with the keys of a rule file, which are checked as `check` does it."""

    model_config = ConfigDict(extra="allow", defer_build=True)

    @property
    def content(self) -> dict[str, Any]:
        return self.model_extra or {}


@dataclass(frozen=True, slots=True)
class Call:
    """A request, who sent it (None where no token was shown), and from which address.

    `claim_id` is the id of its idempotency key, None without one.
    """

    request: Request
    principal: Principal | None
    origin: str
    claim_id: str | None = None

    @property
    def path(self) -> Mapping[str, Any]:
        return self.request.path_params

    @property
    def caller(self) -> Principal:
        """Who sent it. Raises Unauthenticated."""
        if self.principal is None:
            raise Unauthenticated("this needs a token: send the header `Authorization: Bearer <token>`")
        return self.principal


View = Callable[..., Awaitable[Any]]
Query = TypeVar("Query", bound=BaseModel)


@dataclass(frozen=True)
class Operation:
    """A method and a path as Starlette writes it, and the view behind them; `status` is that of success."""

    method: Method
    path: str
    view: View
    status: int = 200
    public: bool = False
    """Whether it may be called without a token."""
    name: str = ""
    """Its name, where that is not the name of the view."""
    streamed: Any = None
    """The type of the JSON that the view streams as a Response."""
    media_type: str = "application/json"
    """What the answer is; only JSON has a type that is checked."""
    keyed: bool = True
    """Whether a POST takes an Idempotency-Key: not if it changes nothing, or answers a secret."""
    conditional: bool = False
    """Whether it takes an If-Match: the view looks at it."""

    @property
    def takes_key(self) -> bool:
        return self.method == "POST" and self.keyed

    @cached_property
    def types(self) -> Mapping[str, Any]:
        return get_type_hints(self.view)

    @property
    def query(self) -> type[BaseModel] | None:
        return self.types.get("query")

    @property
    def body(self) -> type[BaseModel] | None:
        return self.types.get("body")

    @property
    def answer(self) -> Any:
        """The type of what the view returns; `Response` where it is no JSON."""
        return self.streamed or self.types["return"]

    @property
    def description(self) -> str:
        return getdoc(self.view) or ""


class Dialect(ABC):
    """One API: its operations, and how it writes success and failure."""

    name: ClassVar[str]
    """The tag of its operations in the OpenAPI document."""
    operations: ClassVar[Sequence[Operation]]
    schemes: ClassVar[Sequence[SecurityScheme]] = ("bearer", "auth-token", "session")
    """How its clients show who they are, the usual way first; each dialect takes the others, too."""
    error_schema: ClassVar[Mapping[str, Any]]
    """The JSON Schema of the body of a failure."""
    below: ClassVar[tuple[str, ...]] = ()
    """What the paths begin with that are this dialect's, also where there is nothing."""

    @classmethod
    def answer_schema(cls, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The JSON Schema of the body of a success, given that of what the view returns."""
        return schema

    def __init__(self, callers: KnowsCallers, attempts: Attempts) -> None:
        self.callers = callers
        self._attempts = attempts

    @abstractmethod
    def success(self, content: Any, status: int) -> Response:
        """The answer of a call that was done; `content` is what its view returned."""

    @abstractmethod
    def failure(self, error: CallError, why: str) -> Response:
        """The answer of a call that was not done; `why` is the text of the error in the caller's language."""

    def failed(self, request: Request, error: CallError) -> Response:
        """The same, in the language that the client asks for."""
        why, language = said(error, language_of(request.headers.get("accept-language", "")))
        answer = self.failure(error, why)
        answer.headers["content-language"] = language
        return answer

    @property
    def routes(self) -> list[Route]:
        """One for each path, so that the answer to another method can name those that the path has."""
        by_path: dict[str, list[Operation]] = {}
        for operation in self.operations:
            by_path.setdefault(operation.path, []).append(operation)
        return [self._route(path, found) for path, found in by_path.items()]

    def _route(self, path: str, operations: Sequence[Operation]) -> Route:
        by_method: Mapping[str, Operation] = {operation.method: operation for operation in operations}

        async def endpoint(request: Request) -> Response:
            method = "GET" if request.method == "HEAD" else request.method
            return with_caching(request, await self._answer(by_method[method], request))

        return Route(path, endpoint, methods=list(by_method))

    async def _answer(self, operation: Operation, request: Request) -> Response:
        try:
            call = Call(request, await self.callers.principal(request), self.callers.origin(request))
            key = request.headers.get(HEADER)
            if key is None or call.principal is None or not operation.takes_key:
                return await self._done(operation, call)
            async with self._attempts.of(call.principal, key, request) as attempt:
                if attempt.answer is not None:
                    return attempt.answer
                answer = await self._done(operation, replace(call, claim_id=attempt.claim_id))
                await attempt.keep(answer)
                return answer
        except CallError as error:
            return self.failed(request, error)
        except StoreError:
            return self.failed(request, Unavailable(STORE_FAILED))

    def missed(self, request: Request, error: HTTPException) -> Response:
        """The answer where there is no such path, or it has not this method."""
        headers = error.headers or {}
        if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
            return self.failed(request, NoSuchPath(_NO_PATH))
        methods = ", ".join(sorted(headers["Allow"].split(", ")))
        answer = self.failed(
            request, WrongMethod(f"this path does not take {request.method[:20]}: it takes {methods}")
        )
        answer.headers.update(headers)
        return answer

    async def _done(self, operation: Operation, call: Call) -> Response:
        if not operation.public:
            _ = call.caller
        given: dict[str, Any] = {}
        if operation.query is not None:
            given["query"] = query_of(call.request.query_params.multi_items(), operation.query)
        if operation.body is not None:
            given["body"] = _valid(operation.body, await body_of(call.request))
        content = await operation.view(self, call, **given)
        return content if isinstance(content, Response) else self.success(content, operation.status)


class BareDialect(Dialect):
    """A dialect whose documents stand in no envelope; a failure is an object with one text."""

    error_key: ClassVar[str]

    def __init_subclass__(cls) -> None:
        properties = {cls.error_key: {"type": "string"}}
        cls.error_schema = {"type": "object", "properties": properties, "required": [cls.error_key]}

    def success(self, content: Any, status: int) -> Response:
        return json_answer(content, status)

    def failure(self, error: CallError, why: str) -> Response:
        answer = json_answer({self.error_key: why}, error.status)
        answer.headers.update(headers_of(error))
        return answer


def query_of(items: Sequence[tuple[str, str]], model: type[Query]) -> Query:
    """What the fields of a query say. Raises Invalid."""
    given: dict[str, Any] = {}
    for name, text in items:
        given.setdefault(name, []).append(text)
    lists = {name for name, field in model.model_fields.items() if get_origin(field.annotation) is tuple}
    if twice := [name for name, texts in given.items() if len(texts) > 1 and name not in lists]:
        raise Invalid([f"{name}: is given twice" for name in twice])
    flat = {name: texts if name in lists else texts[0] for name, texts in given.items()}
    try:
        query = model.model_validate(flat)
    except ValidationError as error:
        raise Invalid(problems_of(error, model, flat)) from None
    # What is read as a whole number may be written in more ways than the OpenAPI document says.
    whole = [name for name, field in model.model_fields.items() if _is_whole(field.annotation)]
    if odd := [name for name in whole if name in flat and not _WHOLE.fullmatch(flat[name])]:
        raise Invalid([f"{name}: {flat[name][:20]} is not a whole number: write digits only" for name in odd])
    return query


def _is_whole(annotation: Any) -> bool:
    return annotation is int or any(map(_is_whole, get_args(annotation)))


def _valid(model: type[BaseModel], body: bytes) -> BaseModel:
    try:
        value = strictjson.read(body)
    except BadPayload as error:
        raise Invalid([f"{error}: send JSON"]) from None
    needs_list = issubclass(model, RootModel)
    if not isinstance(value, list if needs_list else dict):
        needed = "a JSON array" if needs_list else "a JSON object"
        given = "a single value"
        if isinstance(value, list | dict):
            given = "a JSON array" if isinstance(value, list) else "a JSON object"
        raise Invalid([f"the body must be {needed}, but is {given}"])
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid(problems_of(error, model, value)) from None
