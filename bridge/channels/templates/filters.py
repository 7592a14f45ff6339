"""What a template can do with a value: a result has at most 2000 characters, or is as short as its input.

Values are texts, numbers, lists of texts, and None where a build has nothing of the kind.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import islice
from math import inf
from time import thread_time
from typing import Final, NoReturn

from jinja2 import Undefined

MAX_ROWS: Final = 20
MAX_TEXT: Final = 2000
_MAX_REPLACED: Final = 100


_end: ContextVar[float] = ContextVar("end", default=inf)
"""The time of the thread at which the template that runs is given up."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Has what runs inside end after so many seconds of the processor: every value is shown by `text_of`.

    Raises TimeoutError.
    """
    token = _end.set(thread_time() + seconds)
    try:
        yield
    except TimeoutError:
        raise TimeoutError(f"takes over {seconds} s: make it simpler") from None
    finally:
        _end.reset(token)


class WrongValue(Exception):
    """A value of another kind than the filter takes; the text is a sentence."""


def text_of(value: object) -> str:
    """How a value is shown: nothing for None, and the parts of a list with commas.

    Raises WrongValue, TimeoutError.
    """
    if thread_time() > _end.get():
        raise TimeoutError
    if isinstance(value, Undefined):
        _undefined(value)
    if isinstance(value, list | tuple):
        value = ", ".join(text_of(part) for part in islice(value, MAX_ROWS))
    return "" if value is None else str(value)[:MAX_TEXT]


def rows(value: object) -> list[object]:
    """What a loop goes over: a list, of which it sees 20. Raises WrongValue."""
    if isinstance(value, Undefined):
        _undefined(value)
    if not isinstance(value, list | tuple):
        raise WrongValue(f"for needs a list, and this is {_kind(value)}")
    return list(islice(value, MAX_ROWS))


def joined(values: list[object]) -> str:
    """What stands between `~`, in one text."""
    return "".join(map(text_of, values))[:MAX_TEXT]


def is_defined(value: object) -> bool:
    return not isinstance(value, Undefined)


def _undefined(value: Undefined) -> NoReturn:
    why = value._undefined_message  # noqa: SLF001  # the library's own way to say it
    raise WrongValue(f"{why}; | default('…') says what stands in its place")


def _kind(value: object) -> str:
    return "nothing" if value is None else "a text" if isinstance(value, str) else "a number"


def _default(value: object, other: object) -> object:
    missing = isinstance(value, Undefined) or value is None or value in ("", [])
    return other if missing else value


def _sequence(value: object) -> list[object] | str:
    return text_of(value) if value is None or isinstance(value, str | int) else rows(value)


def _first(value: object) -> object:
    return next(iter(_sequence(value)), None)


def _last(value: object) -> object:
    return next(iter(reversed(_sequence(value))), None)


def _join(value: object, separator: object = "") -> str:
    return text_of(separator).join(map(text_of, rows(value)))[:MAX_TEXT]


def _length(value: object) -> int:
    return len(_sequence(value))


def _replace(value: object, old: object, new: object) -> str:
    if not (searched := text_of(old)):
        raise WrongValue("replace needs a text to look for")
    return text_of(value).replace(searched, text_of(new), _MAX_REPLACED)[:MAX_TEXT]


def _truncate(value: object, length: object = 80) -> str:
    if not isinstance(length, int) or length < 1:
        raise WrongValue("truncate needs a number of characters")
    text = text_of(value)
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


Filter = Callable[..., object]
FILTERS: Final[Mapping[str, tuple[Filter, int, int]]] = {
    "capitalize": (lambda value: text_of(value).capitalize()[:MAX_TEXT], 0, 0),
    "default": (_default, 1, 1),
    "first": (_first, 0, 0),
    "join": (_join, 0, 1),
    "last": (_last, 0, 0),
    "length": (_length, 0, 0),
    "lower": (lambda value: text_of(value).lower()[:MAX_TEXT], 0, 0),
    "replace": (_replace, 2, 2),
    "trim": (lambda value: text_of(value).strip(), 0, 0),
    "truncate": (_truncate, 0, 1),
    "upper": (lambda value: text_of(value).upper()[:MAX_TEXT], 0, 0),
}
"""With each the least and the largest number of arguments."""
TESTS: Final[Mapping[str, Callable[[object], bool]]] = {
    "defined": is_defined,
    "none": lambda value: value is None,
}
