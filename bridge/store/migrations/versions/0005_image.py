"""Builds of one image wait for each other, whichever rule they are of."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("build", sa.Column("image", sa.Text(), server_default="", nullable=False))
    op.execute("UPDATE build SET image = json_extract(request, '$.image')")
    op.create_index(
        "build_image",
        "build",
        ["image"],
        unique=False,
        sqlite_where=sa.text("state IN ('waiting', 'triggering', 'queued', 'running')"),
    )
