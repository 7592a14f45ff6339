"""What Git hosts say of their refs is kept, with the pushes that no webhook reported."""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    op.add_column("ref_move", sa.Column("seen", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_table(
        "code_look",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("clone_url", sa.Text(), nullable=False),
        sa.Column(
            "looks",
            sa.Integer(),
            nullable=False,
            comment="so many were written: who read another number is late",
        ),
        sa.Column("looked_at", sa.Float(), comment="NULL before the first look that the host answered"),
        sa.Column("failed_since", sa.Float()),
        sa.Column("error", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_table(
        "known_ref",
        sa.Column("look_id", sa.Integer(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("look_id", "ref"),
        sa.ForeignKeyConstraint(["look_id"], ["code_look.id"], ondelete="CASCADE"),
    )
    op.create_table(
        "missed_ref",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("repo", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text()),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("missed_ref_at", "missed_ref", ["at"])
    op.create_index("missed_ref_code", "missed_ref", ["code", "state"])
