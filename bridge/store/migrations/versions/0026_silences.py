"""Silences, which hold notices for a time."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.create_table(
        "silence",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("repository", sa.Text()),
        sa.Column("ref", sa.Text()),
        sa.Column("events", sa.Text(), nullable=False, server_default="[]"),
        sa.Column("channel", sa.Text()),
        sa.Column("ended_at", sa.Float()),
        sa.Column("ended_by", sa.Text()),
        sa.Column("held", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("silence_until", "silence", ["until"])
