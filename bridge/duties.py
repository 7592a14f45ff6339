"""The duties that there are with every configuration: one node of a store at a time has each."""

from collections.abc import Mapping
from functools import partial
from typing import Final

from bridge.model.node import BUILDER, CHANNEL
from bridge.planning.notice_policy import NoticePolicy, ServiceNoticePolicy
from bridge.registry import FORGES, WEBHOOKS
from bridge.runtime.clock import Clock
from bridge.services.dispatcher import Dispatcher
from bridge.services.housekeeper import Pruner, Unserved, WaitLimiter
from bridge.services.membership import Duty
from bridge.services.reconciler import Reconciler
from bridge.services.reloader import Reloader
from bridge.services.scheduler import Scheduler
from bridge.staff import Staff
from bridge.store.base import Store

DISPATCH: Final = "dispatch"
SCHEDULE: Final = "schedule"
RECONCILE: Final = "reconcile"
UPKEEP: Final = "upkeep"


def standing(
    in_force: Reloader,
    staff: Staff,
    store: Store,
    clock: Clock,
    *,
    notice_policy: NoticePolicy,
    service_notices: ServiceNoticePolicy,
) -> Mapping[str, Duty]:
    """These duties, by name; how their services hand over to each other, and to the staff."""

    def dispatcher() -> Dispatcher:
        return Dispatcher(
            FORGES,
            lambda: in_force.rules,
            store.deliveries,
            default_notices=lambda: in_force.default_notices,
            notice_policy=notice_policy,
            on_dispatched=staff.wake_all,
        )

    def scheduler() -> Scheduler:
        return Scheduler(
            lambda: in_force.rules,
            store.schedules,
            service_notices,
            clock,
            on_due=duties[DISPATCH].wake,
            wake_notifiers=staff.wake_notifiers,
        )

    def reconciler() -> Reconciler:
        return Reconciler(in_force, store, service_notices, clock, WEBHOOKS, on_missed=on_missed)

    def on_missed() -> None:
        duties[DISPATCH].wake()
        staff.wake_all()

    def unserved() -> Unserved:
        return Unserved(store, partial(staff.known, BUILDER), partial(staff.known, CHANNEL), notice_policy)

    def pruner() -> Pruner:
        return Pruner(store, lambda: in_force.config.settings.retention)

    call = store.nodes.call
    duties = {
        DISPATCH: Duty(DISPATCH, lambda: [dispatcher()], call),
        SCHEDULE: Duty(SCHEDULE, lambda: [scheduler()], call),
        RECONCILE: Duty(RECONCILE, lambda: [reconciler()], call),
        UPKEEP: Duty(UPKEEP, lambda: [unserved(), pruner(), WaitLimiter(store.waits)], call),
    }
    return duties
