"""A PostgreSQL store reads documents by a function that none which is damaged makes fail."""

from alembic import op

from bridge.store.postgres.ddl import READABLE_JSON

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(READABLE_JSON)
