"""How the builds of each hour have ended is counted once, and no longer for each question."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_table(
        "outcome",
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("repo_name", sa.Text(), nullable=False),
        sa.Column(
            "hour", sa.Integer(), nullable=False, comment="the hours since 1970 before the build was made"
        ),
        sa.Column("is_public", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "repo_name", "hour", "is_public", "state"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO outcome "
        "SELECT namespace, repo_name, CAST(created_at AS INTEGER) / 3600, is_public, state, count(*) "
        "FROM build WHERE state IN ('succeeded', 'failed', 'cancelled', 'superseded', 'unknown') "
        "GROUP BY 1, 2, 3, 4, 5"
    )
