"""Deliveries as callers may see them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bridge.model.access import Principal
from bridge.model.build import Build
from bridge.store.base import Builds, Deliveries
from bridge.store.values import DeliveryRow, Step
from bridge.web.api.core.builds import sees
from bridge.web.api.core.errors import NotFound

_NO_DELIVERY: Final = (
    "no delivery has this id that your token may see: it is wrong, or the delivery is too old"
)


class DeliveryAccess:
    """A delivery belongs to no namespace: who may not read all sees those that built something there."""

    def __init__(self, deliveries: Deliveries, builds: Builds) -> None:
        self._deliveries = deliveries
        self._builds = builds

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
        return replace(row, explanation=_visible(caller, row.explanation)), steps, visible


def _visible(caller: Principal, explanation: Any) -> Any:
    """What the rules of visible namespaces decided."""
    if not isinstance(explanation, list):
        return None
    return [
        {**one, **{key: _rules(caller, one.get(key, ())) for key in ("matches", "rejections")}}
        for one in explanation
    ]


def _rules(caller: Principal, decisions: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [decision for decision in decisions if sees(caller, decision["namespace"])]
