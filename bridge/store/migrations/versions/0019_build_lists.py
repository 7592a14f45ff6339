"""Lists of builds are found by index, whatever they are filtered by; a build has its cause in a column."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_INDEXES = {
    "build_listed": ["is_public", "id"],
    "build_in_state": ["state", "is_public", "id"],
    "build_of_namespace": ["namespace", "is_public", "id"],
    "build_of_namespace_in_state": ["namespace", "state", "is_public", "id"],
    "build_of_repository": ["repo_name", "namespace", "is_public", "id"],
    "build_of_repository_in_state": ["repo_name", "namespace", "state", "is_public", "id"],
    "build_time": [
        *("namespace", "repo_name", "created_at", "number", "state"),
        *("is_public", "ref", "cause"),
    ],
}


def upgrade() -> None:
    op.add_column("build", sa.Column("cause", sa.Text(), server_default="", nullable=False))
    for name in ("of_repository", "of_namespace", "state", "public", "of_time", "unended", "active"):
        op.drop_index(f"build_{name}", table_name="build")
    # An origin that is damaged has none, and must not keep the daemon from its start.
    op.execute(
        "UPDATE build SET cause = coalesce(json_extract(origin, '$.cause'), '') WHERE json_valid(origin)"
    )
    for name, columns in _INDEXES.items():
        op.create_index(name, "build", columns, unique=False)
