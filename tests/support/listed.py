"""The newest rows of a store, as its lists have them."""

from collections.abc import Sequence

from bridge.store.base import Store
from bridge.store.values import (
    ANY_DELIVERY,
    ANY_NOTICE,
    Cursor,
    DeliveryFilter,
    DeliveryHead,
    NoticeFilter,
    NoticeRow,
)


async def newest_deliveries(
    store: Store, limit: int, only: DeliveryFilter = ANY_DELIVERY
) -> Sequence[DeliveryHead]:
    return (await store.deliveries.page(Cursor(), limit, only)).rows


async def newest_notices(store: Store, limit: int, only: NoticeFilter = ANY_NOTICE) -> Sequence[NoticeRow]:
    return (await store.notices.page(Cursor(), limit, only)).rows
