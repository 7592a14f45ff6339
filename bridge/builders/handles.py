"""What handles of every server share: a small document as JSON, which a later release or process can read."""

from typing import ClassVar, Self

from pydantic import ValidationError

from bridge.builders.base import Handle
from bridge.config.types import Strict
from bridge.errors import Permanent


class HandleDocument(Strict):
    """What identifies a build; the handle is this as JSON, without what stands at its default."""

    builder: ClassVar[str]
    """What sentences call a builder with such handles."""

    @classmethod
    def parse(cls, handle: Handle) -> Self:
        """Raises Permanent for the handle of another builder."""
        try:
            return cls.model_validate_json(handle)
        except ValidationError:
            raise Permanent(f"the handle is not one of {cls.builder}") from None

    @property
    def handle(self) -> Handle:
        return self.model_dump_json(exclude_defaults=True)
