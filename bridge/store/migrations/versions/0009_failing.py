"""Of a builder that is down it is known which kinds of calls fail."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("service", sa.Column("failing", sa.Text(), nullable=False, server_default=""))
