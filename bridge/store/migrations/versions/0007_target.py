"""The limit and the pause of a robot belong to its host and token, not to a channel's name."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # The attempts of the last minutes stand under the names of channels, which say nothing of the target.
    op.drop_table("send")
    op.create_table(
        "send",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("send_target_at", "send", ["target", "at"], unique=False)
    op.create_table(
        "target_pause",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("target"),
    )
