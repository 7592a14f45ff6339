"""The end of a long log is kept, too: where something is left out, and how much."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("build", sa.Column("log_mark", sa.Integer(), nullable=True))
    op.add_column(
        "build", sa.Column("log_left_out", sa.Integer(), nullable=False, server_default=sa.text("0"))
    )
