"""Which build made each image tag last, also of what was built before this release."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

_FIELDS = "namespace, repo_name, tag, build_id, run, is_public, at, top"
_TAGS = """
json_each(CASE WHEN json_valid(build.request) THEN build.request ELSE '{}' END, '$.tags') AS one
"""
_LATER = """
ON CONFLICT (namespace, repo_name, tag) DO UPDATE SET
    build_id = iif(excluded.at >= at, excluded.build_id, build_id),
    run = iif(excluded.at >= at, excluded.run, run),
    is_public = iif(excluded.at >= at, excluded.is_public, is_public),
    at = max(excluded.at, at),
    top = max(excluded.top, top)
"""


def upgrade() -> None:
    op.create_table(
        "built_tag",
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("repo_name", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("build_id", sa.Text(), nullable=False),
        sa.Column("run", sa.Integer(), nullable=False),
        sa.Column("is_public", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("top", sa.Integer(), nullable=False, comment="the highest number of a build that made it"),
        sa.ForeignKeyConstraint(["build_id"], ["build.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("namespace", "repo_name", "tag"),
        sqlite_with_rowid=False,
    )
    # The rows are read one by one, and nothing is sorted: memory does not grow with the store.
    joins = {"build": "", "earlier_run": "JOIN build ON build.id = earlier_run.build_id"}
    for runs, joined in joins.items():
        op.execute(
            f"INSERT INTO built_tag ({_FIELDS}) "  # noqa: S608  # our own words
            "SELECT build.namespace, build.repo_name, one.value, build.id, "
            f"{runs}.run, build.is_public, coalesce({runs}.ended_at, build.created_at), build.number "
            f"FROM {runs} {joined} JOIN {_TAGS} "
            f"WHERE {runs}.state = 'succeeded' AND {runs}.images_passed = 1 AND one.type = 'text' {_LATER}"
        )
    op.create_index("built_tag_at", "built_tag", ["namespace", "repo_name", "at", "tag"], unique=False)
    op.create_index(
        "built_tag_public",
        "built_tag",
        ["namespace", "repo_name", "at", "tag"],
        unique=False,
        sqlite_where=sa.text("is_public = 1"),
    )
    op.create_index("built_tag_build", "built_tag", ["build_id"], unique=False)
