"""What notices of a channel say in place of the usual texts."""

from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, model_validator

from bridge.config.types import Strict, wrong
from bridge.model.notice import EventName

MAX_BYTES: Final = 4096


def _short(source: str) -> str:
    if len(source.encode()) > MAX_BYTES:
        raise wrong("template", "is over 4 KiB: a notice is short, leave something out")
    return source


Source = Annotated[str, Field(min_length=1), AfterValidator(_short)]


class NoticeTemplate(Strict):
    """A template of Jinja2 in place of the title, of the lines below it, or of both."""

    title: Source | None = None
    """In place of the title; the mark before it stays."""
    body: Source | None = None
    """In place of the lines and the end of the log; mentions and the last line stay."""

    @model_validator(mode="after")
    def _has_one(self) -> Self:
        if self.title is None and self.body is None:
            raise wrong("template", "replaces nothing: give title or body")
        return self


Templates = dict[Annotated[EventName, Field(strict=False)], NoticeTemplate]
"""The templates of a channel, by the event."""
