"""What a form or a filter asked for was not done: why, beside which fields, and what had been typed."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bridge.web.api.core.errors import CallError, Invalid

Fields = Mapping[str, tuple[str, str]]
"""Fields of a form by the names that errors have for them: the name on the page, and the key of the label."""
_UNNAMED: Final = frozenset({"id", "do", "once"})
"""What no reader fills in."""
_PLACE: Final = re.compile(r"([a-z_.]+)(?:\[\d+\])?: (.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, in English; and with which field of a page, by its name and the key of its label."""

    why: str
    field: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why something was not done, with the status that says so; `typed` are the fields that were sent."""

    status: int
    is_form: bool
    problems: Sequence[Problem]
    typed: Mapping[str, str]

    @classmethod
    def of(cls, error: CallError, typed: Mapping[str, str], fields: Fields, *, is_form: bool) -> "Failure":
        texts = error.problems if isinstance(error, Invalid) else (str(error),)
        problems = [_problem(text, fields) for text in texts]
        return cls(status=error.status, is_form=is_form, problems=problems, typed=typed)

    def of_field(self, name: str) -> str:
        """What is wrong with a field of the page; empty for nothing."""
        return next((one.why for one in self.problems if one.field == name), "")


def labelled(**labels: str) -> Fields:
    """Fields that a page names as errors do, with the keys of their labels."""
    return {name: (name, label) for name, label in labels.items()}


def _problem(text: str, fields: Fields) -> Problem:
    place = _PLACE.fullmatch(text)
    if place and place[1] in _UNNAMED:
        return Problem(place[2])
    if place and place[1] in fields:
        return Problem(place[2], *fields[place[1]])
    return Problem(text)
