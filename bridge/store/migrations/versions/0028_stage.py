"""In which stage a build failed, and what keeps the notices of a channel."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    for table in ("build", "earlier_run"):
        op.add_column(table, sa.Column("stage", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "channel_wait",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("quiet_until", sa.Float(), nullable=False, server_default=sa.text("0")),
        sa.Column("rate_until", sa.Float(), nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("channel"),
    )
