"""Which Git hosts a request is marked as coming from, by its headers alone."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

Marks = tuple[frozenset[str], ...]
"""Sets of headers: a host sends all headers of at least one of them, and lower-case names stand here."""


class Hosts:
    """The marks of all known Git hosts, by host id."""

    def __init__(self, marks: Mapping[str, Marks]) -> None:
        self._marks: Final = marks
        self._headers: Final = frozenset[str]().union(*(mark for found in marks.values() for mark in found))
        self._of = lru_cache(maxsize=64)(self._matching)

    def of(self, headers: Iterable[str]) -> frozenset[str]:
        """The ids of all hosts that mark their requests with some of these headers."""
        return self._of(self._headers.intersection(headers))

    def _matching(self, present: frozenset[str]) -> frozenset[str]:
        return frozenset(
            host for host, marks in self._marks.items() if any(mark <= present for mark in marks)
        )
