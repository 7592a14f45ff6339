"""An idempotency key has the node that answers its request now: others do not begin it meanwhile.

A node of the release before neither says so nor looks.
"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    op.add_column("idempotency_key", sa.Column("node_id", sa.Text(), nullable=True))
    op.add_column("idempotency_key", sa.Column("held_at", sa.Float(), nullable=True))
