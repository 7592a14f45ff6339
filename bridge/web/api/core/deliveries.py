"""Deliveries as callers may see them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import anyio

from bridge.errors import CannotList
from bridge.model.access import Principal, Role
from bridge.model.audit import Action, Change
from bridge.model.build import Build
from bridge.store.base import Store
from bridge.store.values import Cursor, DeliveryFilter, DeliveryHead, DeliveryRow, Page, Step
from bridge.web.api.core.access import require
from bridge.web.api.core.builds import sees
from bridge.web.api.core.errors import Invalid, NotFound

_DECISIONS: Final = ("matches", "rejections")
_NO_DELIVERY: Final = (
    "no delivery has this id that your token may see: it is wrong, or the delivery is too old"
)


class DeliveryAccess:
    """A delivery belongs to no namespace: who may not read all sees those that built something there.

    Sentences about a whole delivery name all that is built of it: a caller who may not see that gets none.
    """

    def __init__(self, store: Store, wake: Callable[[], None], one_list: anyio.Semaphore) -> None:
        self._one_list = one_list
        self._deliveries = store.deliveries
        self._builds = store.builds
        self._wake = wake

    async def page(
        self, caller: Principal, cursor: Cursor, size: int, only: DeliveryFilter
    ) -> Page[DeliveryHead]:
        """The deliveries that the caller may see, of those that `only` asks for. Raises Invalid."""
        async with self._one_list:
            try:
                page = await self._deliveries.page(cursor, size, replace(only, readable=caller.namespaces))
            except CannotList as error:
                raise Invalid([str(error)]) from None
        if caller.namespaces is None:
            return page
        return replace(page, rows=[replace(head, detail="") for head in page.rows])

    async def one(self, caller: Principal, delivery_id: str) -> tuple[DeliveryRow, list[Step], list[Build]]:
        """A delivery with its timeline and the builds that it made. Raises NotFound."""
        found = await self._deliveries.get(delivery_id)
        if found is None:
            raise NotFound(_NO_DELIVERY)
        row, steps = found
        builds = await self._builds.of_delivery(row.delivery.id)
        if caller.namespaces is None:
            return row, steps, builds
        visible = [build for build in builds if sees(caller, build.namespace)]
        if not visible:
            raise NotFound(_NO_DELIVERY)
        explanation = _visible(caller, row.explanation)
        if explanation == row.explanation and visible == builds:
            return row, steps, builds
        shown = replace(row, detail="", explanation=[{**one, "reason": None} for one in explanation])
        return shown, [replace(step, detail="") for step in steps], visible

    async def redeliver(
        self, caller: Principal, delivery_id: str, origin: str, claim_id: str | None = None
    ) -> str:
        """Have a delivery evaluated once more, by the rules of today; returns the id of the new one.

        With the id of a claimed idempotency key this is done once. What it builds then nobody knows before,
        so it takes the role member everywhere. Raises NotFound and Forbidden.
        """
        row, _, _ = await self.one(caller, delivery_id)
        require(caller, Role.MEMBER)
        change = Change(who=caller, action=Action.DELIVERY_REDELIVERED, subject=delivery_id, origin=origin)
        new_id = await self._deliveries.redeliver(row.delivery.id, change, claim_id)
        self._wake()
        return new_id


def _visible(caller: Principal, explanation: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the rules of visible namespaces decided."""
    return [
        {**one, **{key: _rules(caller, found) for key in _DECISIONS if (found := one.get(key)) is not None}}
        for one in explanation
    ]


def _rules(caller: Principal, decisions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [decision for decision in decisions if sees(caller, decision["namespace"])]
