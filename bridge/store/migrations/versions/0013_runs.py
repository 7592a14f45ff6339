"""A build may have several runs; the order of what has not ended is that of the runs, not of the builds."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_UNENDED = sa.text("state IN ('waiting', 'triggering', 'queued', 'running')")


def upgrade() -> None:
    op.add_column("build", sa.Column("run", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.add_column("build", sa.Column("retried_by", sa.Text(), nullable=True))
    op.add_column("build", sa.Column("enqueued_at", sa.Float(), nullable=True))
    op.add_column("build", sa.Column("turn", sa.Integer(), server_default=sa.text("0"), nullable=False))
    # Only among builds that may still run does the order matter: the many others need no rewriting.
    op.execute(
        "UPDATE build SET turn = rowid WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'superseded')"
    )
    op.drop_index("build_open", "build")
    op.create_index(
        "build_open",
        "build",
        ["builder", "state", "turn", "id"],
        unique=False,
        sqlite_where=sa.text("released = 0"),
    )
    op.drop_index("build_image", "build")
    op.create_index("build_image", "build", ["image", "turn"], unique=False, sqlite_where=_UNENDED)
    op.create_index("build_turn", "build", ["turn"], unique=False)
    op.add_column("build_log", sa.Column("run", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.create_table(
        "earlier_run",
        sa.Column("build_id", sa.Text(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("retried_by", sa.Text(), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="", nullable=False),
        sa.Column("handle", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("enqueued_at", sa.Float(), nullable=True),
        sa.Column("triggered_at", sa.Float(), nullable=True),
        sa.Column("started_at", sa.Float(), nullable=True),
        sa.Column("ended_at", sa.Float(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("log_offset", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("log_bytes", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("log_mark", sa.Integer(), nullable=True),
        sa.Column("log_left_out", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.Column("superseded", sa.Text(), nullable=True),
        sa.Column("released", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("caveat", sa.Text(), server_default="", nullable=False),
        sa.Column("images_passed", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(["build_id"], ["build.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("build_id", "run"),
    )
    op.create_index(
        "earlier_run_kept",
        "earlier_run",
        ["build_id", "run"],
        unique=False,
        sqlite_where=sa.text("released = 0"),
    )
