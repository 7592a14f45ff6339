"""Builds of one image wait for each other, whichever rule they are of."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("build", sa.Column("image", sa.Text(), server_default="", nullable=False))
    # A request that is damaged has none, and must not keep the daemon from its start.
    op.execute(
        "UPDATE build SET image = coalesce(json_extract(request, '$.image'), '') WHERE json_valid(request)"
    )
    op.create_index(
        "build_image",
        "build",
        ["image"],
        unique=False,
        sqlite_where=sa.text("state IN ('waiting', 'triggering', 'queued', 'running')"),
    )
