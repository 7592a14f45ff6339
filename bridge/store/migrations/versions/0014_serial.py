"""A number of each build among all, for clients that know builds by numbers only."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("build", sa.Column("serial", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.execute("UPDATE build SET serial = rowid")
    op.create_index("build_serial", "build", ["serial"], unique=False)
