"""The notices of a namespace that are in one state are found by index, however many there are of others."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_index("notice_namespace_state", "notice", ["namespace", "state", "id"], unique=False)
