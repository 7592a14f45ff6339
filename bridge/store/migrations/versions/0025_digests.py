"""Which notices a digest tells, and which of them come from one push."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.add_column("notice", sa.Column("batch", sa.Text()))
    op.add_column("notice", sa.Column("digest_id", sa.Text()))
    op.add_column("notice", sa.Column("folds", sa.Integer(), nullable=False, server_default=sa.text("1")))
    op.create_index("notice_digest", "notice", ["digest_id"], sqlite_where=sa.text("digest_id IS NOT NULL"))
