"""Which channel a notice was for before it went to the fallback of that."""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    op.add_column("notice", sa.Column("moved_from", sa.Text()))
