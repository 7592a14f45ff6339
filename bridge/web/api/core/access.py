"""What callers may do."""

from bridge.model.access import Principal, Role
from bridge.web.api.core.errors import Forbidden


def require(caller: Principal, role: Role) -> None:
    """Raises Forbidden unless the caller has the role everywhere."""
    if not caller.role.includes(role) or caller.namespaces is not None:
        has = f"{caller.role} in some namespaces" if caller.role.includes(role) else str(caller.role)
        raise Forbidden(f"this takes the role {role}, and yours is {has}: ask an admin for a token with it")


def require_in(caller: Principal, role: Role, namespace: str) -> None:
    """Raises Forbidden unless the caller has the role in the namespace."""
    if not caller.may(role, namespace):
        has = f"{caller.role} in other namespaces" if caller.role.includes(role) else str(caller.role)
        raise Forbidden(
            f"this takes the role {role} in {namespace}, and yours is {has}: ask an admin for a token with it"
        )
