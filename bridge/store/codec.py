"""Model values to JSON texts and back."""

from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter

from bridge.model.build import BuildRequest, Origin
from bridge.model.notice import BuildFacts, ServiceFacts, Subscription

T = TypeVar("T")

REQUEST = TypeAdapter(BuildRequest)
ORIGIN = TypeAdapter(Origin)
SUBSCRIPTIONS = TypeAdapter(tuple[Subscription, ...])
FACTS: TypeAdapter[BuildFacts | ServiceFacts] = TypeAdapter(BuildFacts | ServiceFacts)


def dump(adapter: TypeAdapter[T], value: T) -> str:
    return adapter.dump_json(value).decode()


def to_json(value: object) -> str:
    return orjson.dumps(value).decode()


def from_json(text: str) -> Any:
    return orjson.loads(text)
