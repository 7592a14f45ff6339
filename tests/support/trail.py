"""Changes for the audit trail."""

from bridge.model.access import Principal, Role
from bridge.model.audit import Action, Change


def change_by(name: str = "li") -> Change:
    """A change that some person makes."""
    who = Principal(name=name, role=Role.ADMIN)
    return Change(who=who, action=Action.SILENCE_ADDED, subject="s", origin="cli")
