"""Repositories and settings made by API, and numbers for all repositories and their tag configurations."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "repository",
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("repo_name", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("namespace", "repo_name"),
    )
    op.create_table(
        "repository_override",
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("repo_name", sa.Text(), nullable=False),
        sa.Column("disabled_by", sa.Text()),
        sa.Column("disabled_at", sa.Float()),
        sa.Column("disabled_reason", sa.Text()),
        sa.Column("notices_by", sa.Text()),
        sa.Column("notices_at", sa.Float()),
        sa.Column("notices", sa.Text()),
        sa.PrimaryKeyConstraint("namespace", "repo_name"),
    )
    op.create_table(
        "rules_revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "build_config",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("repo_name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("namespace", "repo_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "tag_config",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("build_config_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["build_config_id"], ["build_config.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("tag_config_of", "tag_config", ["build_config_id"], unique=False)
