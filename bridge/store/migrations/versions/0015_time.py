"""What a repository built in a time is found by index."""

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_index(
        "build_of_time",
        "build",
        ["namespace", "repo_name", "created_at", "number", "state"],
        unique=False,
    )
