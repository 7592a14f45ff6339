"""Model values to JSON texts and back."""

from collections.abc import Callable
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter

from bridge.model.build import BuildRequest, Origin
from bridge.model.notice import BuildFacts, DigestFacts, ServiceFacts, Subscription

T = TypeVar("T")

REQUEST = TypeAdapter(BuildRequest)
ORIGIN = TypeAdapter(Origin)
SUBSCRIPTIONS = TypeAdapter(tuple[Subscription, ...])
PARAMETERS = TypeAdapter(tuple[str, ...])
MESSAGE_FACTS: TypeAdapter[BuildFacts | ServiceFacts] = TypeAdapter(BuildFacts | ServiceFacts)
FACTS: TypeAdapter[BuildFacts | ServiceFacts | DigestFacts] = TypeAdapter(
    BuildFacts | ServiceFacts | DigestFacts
)


def dump(adapter: TypeAdapter[T], value: T) -> str:
    return adapter.dump_json(value).decode()


def to_json(value: object) -> str:
    return orjson.dumps(value).decode()


def from_json(text: str) -> Any:
    return orjson.loads(text)


class Parts:
    """Reads one row part by part, so that one of them which is damaged harms no other row.

    A part that cannot be read is replaced, and `damage` is then a sentence that names it.
    """

    def __init__(self) -> None:
        self._unreadable: list[str] = []

    def read(self, name: str, decode: Callable[[], T], instead: T) -> T:
        try:
            return decode()
        # A body that claims to be larger than the memory is damaged, too.
        except (ValueError, TypeError, MemoryError):
            self._unreadable.append(name)
            return instead

    @property
    def damage(self) -> str:
        """Empty for a row that can be read."""
        if not self._unreadable:
            return ""
        return f"damaged: what the store has as its {' and its '.join(self._unreadable)} cannot be read"

    def detail(self, stored: str) -> str:
        """The detail of the row; that of a damaged one names the damage."""
        return stored if stored.startswith(self.damage) else self.damage
