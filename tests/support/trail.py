"""Changes for the audit trail."""

from typing import Any

from sqlalchemy import Connection

from bridge.model.access import Principal, Role
from bridge.model.audit import Action, Change
from bridge.store.base import Store
from bridge.store.sql.audit import Audit
from bridge.store.sql.repositories import Repositories
from bridge.store.sql.store import SqlStore
from bridge.store.values import unchanged


def change_by(name: str = "li") -> Change:
    """A change that some person makes."""
    who = Principal(name=name, role=Role.ADMIN)
    return Change(who=who, action=Action.SILENCE_ADDED, subject="s", origin="cli")


class NoTrail(Audit):
    """Of what was there before a test began nothing is noted."""

    def keep(self, connection: Connection, change: Change) -> str:
        return change.subject


def no_trail(store: SqlStore) -> NoTrail:
    return NoTrail(store.database, store.clock, unchanged)


def earlier_repositories(store: SqlStore) -> Repositories:
    """Where what was made before a test began is put."""
    return Repositories(store.database, no_trail(store))


async def noted(
    store: Store, who: Principal, action: Action, subject: str, *, origin: str = "cli", **values: Any
) -> None:
    """An entry of a change that was made."""
    await store.audit.begin(Change(who=who, action=action, subject=subject, origin=origin, **values))
