"""Since when a part works again, and why it last did not."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.add_column("service", sa.Column("restored_at", sa.Float(), nullable=True))
    op.add_column("service", sa.Column("error", sa.Text(), nullable=False, server_default=""))
    op.add_column("service", sa.Column("error_at", sa.Float(), nullable=True))
    op.execute("UPDATE service SET error = why, error_at = down_since WHERE down_since IS NOT NULL")
