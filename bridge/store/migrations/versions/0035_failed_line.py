"""At which line of its log the failure of a run is seen; it is sought when a reader first looks."""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    for table in ("build", "earlier_run"):
        op.add_column(table, sa.Column("failed_line", sa.Integer()))
