"""The numbers of steps and messages are never given again, not even after the newest ones were deleted."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    for table in ("step", "message"):
        # SQLite knows this property only of a table that was made with it.
        with op.batch_alter_table(table, recreate="always", table_kwargs={"sqlite_autoincrement": True}):
            pass
