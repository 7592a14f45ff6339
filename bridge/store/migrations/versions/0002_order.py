"""Which push is the newer one, and which builds wait for which."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("build", sa.Column("pushed", sa.Text(), server_default="", nullable=False))
    op.add_column("build", sa.Column("superseded", sa.Text(), nullable=True))
    op.add_column("build", sa.Column("concurrency", sa.Integer(), nullable=True))
    # A request that is damaged has none, and must not keep the daemon from its start.
    op.execute(
        "UPDATE build SET pushed = coalesce(json_extract(request, '$.commit'), '') WHERE json_valid(request)"
    )
    op.create_index("build_pushed", "build", ["namespace", "repo_name", "tag_set", "pushed"], unique=False)
    op.create_index(
        "build_unended",
        "build",
        ["namespace", "repo_name", "number"],
        unique=False,
        sqlite_where=sa.text("state IN ('waiting', 'triggering', 'queued', 'running')"),
    )
    op.create_index(
        "build_active",
        "build",
        ["namespace", "repo_name"],
        unique=False,
        sqlite_where=sa.text("state IN ('triggering', 'queued', 'running')"),
    )
    op.create_table(
        "ref_move",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code", "ref", "before", "after"),
    )
    op.create_index("ref_move_at", "ref_move", ["at"], unique=False)
    op.create_table(
        "tip",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("repo_name", sa.Text(), nullable=False),
        sa.Column("tag_set", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("pushed", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("namespace", "repo_name", "tag_set"),
    )
    op.create_index("tip_ref", "tip", ["code", "ref"], unique=False)
    op.create_index("tip_at", "tip", ["at"], unique=False)
    op.create_table(
        "tag_name",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("repo_name", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("original", sa.Text(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("namespace", "repo_name", "tag"),
    )
    op.create_index("tag_name_at", "tag_name", ["at"], unique=False)
