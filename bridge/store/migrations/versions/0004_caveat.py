"""What is known of a run that limits what its result means."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("build", sa.Column("caveat", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "build", sa.Column("images_passed", sa.Integer(), nullable=False, server_default=sa.text("1"))
    )
