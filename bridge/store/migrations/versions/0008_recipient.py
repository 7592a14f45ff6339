"""A notice to several recipients is sent to each by itself."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("notice", sa.Column("recipient", sa.Text(), nullable=True))
