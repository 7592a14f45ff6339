"""Nodes say which keys of the tokens they have, by ids that are no secret: those must be the same on all.

A node of the release before says nothing of its own.
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    op.add_column("node", sa.Column("key_ids", sa.Text(), server_default=sa.text("'[]'"), nullable=False))
