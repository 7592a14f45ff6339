"""Pushes that built nothing since no rule wants their ref: what pages say of them in one sentence."""

from collections.abc import Mapping, Sequence

from bridge.model.delivery import DeliveryState
from bridge.store.values import DeliveryHead
from bridge.web.api.core.core import Core
from bridge.web.pages.decisions import RefDecision, decisions_of


async def unwanted(core: Core, heads: Sequence[DeliveryHead]) -> Mapping[str, RefDecision]:
    """What was decided about each of these whose one ref no rule wants, by their ids."""
    ids = [head.id for head in heads if head.state is DeliveryState.IGNORED and not head.other_refs]
    found = await core.store.deliveries.explanations(ids) if ids else {}
    rules = core.keeper.in_force.rules
    decided = {
        delivery_id: decisions_of(documents, lambda _key: "", rules.repositories.get)
        for delivery_id, documents in found.items()
    }
    return {one: refs[0] for one, refs in decided.items() if len(refs) == 1 and refs[0].is_unwanted}
