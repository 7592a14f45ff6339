"""Pages of lists: how many rows they have, and the addresses of their neighbours."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar
from urllib.parse import urlencode

from typing_extensions import TypedDict

from bridge.rules.in_force import KnownRepository
from bridge.store.values import Page
from bridge.web.api.core.repositories import RepositoryPage
from bridge.web.api.operation import Call

PAGE_SIZE: Final = 20
_CURSORS: Final = ("page", "before", "after")

T = TypeVar("T")
D = TypeVar("D")


class ListPage(TypedDict, Generic[D]):
    """One page of a list."""

    count: int
    """How many rows there are in all: exact below 5 000 (deliveries: 200), else so many at least."""
    next: str | None
    """The page after this one; null on the last one."""
    previous: str | None
    """The page before this one; null on the first one."""
    results: list[D]


class PageLinks:
    """Makes the links between pages; they begin with `public_url`, and are paths without it."""

    def __init__(self, public_url: str | None) -> None:
        self._base = (public_url or "").rstrip("/")

    def listed(
        self, call: Call, page: Page[T], key: Callable[[T], str | int], document: Callable[[T], D]
    ) -> ListPage[D]:
        """A page, the newest rows first; rows that come meanwhile do not move its neighbours.

        `key` is what a row is ordered by.
        """
        rows = page.rows
        return {
            "count": page.count,
            "next": self._link(call, "before", key(rows[-1])) if page.older and rows else None,
            "previous": self._link(call, "after", key(rows[0])) if page.newer and rows else None,
            "results": [document(row) for row in rows],
        }

    def listed_repositories(
        self, call: Call, page: RepositoryPage, document: Callable[[KnownRepository], D]
    ) -> ListPage[D]:
        """A page of repositories, in the order of their names."""
        paths = [one.repository.path for one in page.rows]
        return {
            "count": page.count,
            "next": self._link(call, "after", paths[-1]) if page.later and paths else None,
            "previous": self._link(call, "before", paths[0]) if page.earlier else None,
            "results": [document(one) for one in page.rows],
        }

    def _link(self, call: Call, cursor: str, neighbour: str | int) -> str:
        """The address of a neighbouring page, without the Host header: a client can write anything there."""
        given = call.request.query_params.items()
        kept = {name: value for name, value in given if name not in _CURSORS}
        return f"{self._base}{call.request.url.path}?{urlencode({**kept, cursor: neighbour})}"
