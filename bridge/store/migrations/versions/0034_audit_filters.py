"""The audit trail is listed by who made a change, and by what it was."""

from alembic import op

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    op.create_index("audit_name", "audit", ["name", "id"])
    op.create_index("audit_action", "audit", ["action", "id"])
    op.create_index("audit_name_action", "audit", ["name", "action", "id"])
