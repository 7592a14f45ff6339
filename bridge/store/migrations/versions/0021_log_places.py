"""Each piece of a log has its place in bytes, so that a part of a long log is found by index."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_PLACES = """
WITH run AS (
    SELECT id AS build_id, run, log_mark, log_left_out FROM build
    UNION ALL SELECT build_id, run, log_mark, log_left_out FROM earlier_run
),
piece AS (
    SELECT build_id, run, seq,
           iif(seq = log_mark, log_left_out, length(CAST(text AS BLOB))) AS size
    FROM build_log JOIN run USING (build_id, run)
),
placed AS (
    SELECT build_id, seq, sum(size) OVER (PARTITION BY build_id, run ORDER BY seq) - size AS place FROM piece
)
UPDATE build_log SET place = placed.place FROM placed
WHERE placed.build_id = build_log.build_id AND placed.seq = build_log.seq
"""


def upgrade() -> None:
    op.add_column("build_log", sa.Column("place", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.execute(_PLACES)
    op.create_index("build_log_place", "build_log", ["build_id", "run", "place"], unique=False)
