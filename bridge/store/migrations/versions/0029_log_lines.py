"""Each piece of a log has the number of its first line, so that any line of a long log is found by index.

To number the pieces would write all logs anew, in one transaction: those that are here are numbered when they
are first read by lines or go on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

_NOT_COUNTED = "UPDATE {table} SET log_lines = -1 WHERE log_bytes > 0"


def upgrade() -> None:
    op.add_column("build_log", sa.Column("line", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_index("build_log_line", "build_log", ["build_id", "run", "line", "seq"], unique=False)
    for table in ("build", "earlier_run"):
        op.add_column(
            table, sa.Column("log_lines", sa.Integer(), nullable=False, server_default=sa.text("0"))
        )
        op.execute(_NOT_COUNTED.format(table=table))
