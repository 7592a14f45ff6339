"""The refs that deliveries moved have rows of their own, by which deliveries are found."""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"

_REFS = """
WITH fact AS (
    SELECT delivery.id AS delivery_id, delivery.state AS state, CAST(one.key AS INTEGER) AS place,
           coalesce(json_extract(one.value, '$.repo'), '') AS repo,
           CASE WHEN json_extract(one.value, '$.ref_name') IS NULL THEN ''
                WHEN json_extract(one.value, '$.ref_kind') = 'branch' THEN 'refs/heads/'
                ELSE 'refs/tags/' END || coalesce(json_extract(one.value, '$.ref_name'), '') AS ref,
           coalesce(json_extract(one.value, '$.sha'), '') AS sha,
           substr(coalesce(json_extract(one.value, '$.author'), ''), 1, 200) AS author
    FROM delivery, json_each(CASE WHEN json_valid(explanation) THEN explanation ELSE '[]' END) AS one
    WHERE delivery.id > :after AND delivery.id <= :until AND one.type = 'object'
),
known AS (
    SELECT delivery_id, state, place, repo, ref, iif(trim(sha, '0') = '', '', sha) AS sha, author
    FROM fact WHERE repo <> '' OR ref <> '' OR trim(sha, '0') <> '' OR author <> ''
),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY delivery_id ORDER BY place) - 1 AS position,
           count(*) OVER (PARTITION BY delivery_id) - 1 AS others
    FROM known
)
INSERT INTO pushed_ref (delivery_id, position, state, repo, ref, sha, author, others)
SELECT delivery_id, position, state, repo, ref, sha, author, others FROM numbered WHERE position < 100
"""
_STEP = """
SELECT max(id) FROM (SELECT id FROM delivery WHERE id > :after ORDER BY id LIMIT 1000)
"""


def upgrade() -> None:
    op.create_table(
        "pushed_ref",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("repo", sa.Text(collation="NOCASE"), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("sha", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("others", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("delivery_id", "position"),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    after = ""
    # A part at a time: what was decided may be longer than the memory.
    while until := connection.execute(sa.text(_STEP), {"after": after}).scalar():
        connection.execute(sa.text(_REFS), {"after": after, "until": until})
        after = until
    op.create_index("pushed_ref_repo", "pushed_ref", ["repo", "state", "delivery_id"], unique=False)
    op.create_index("pushed_ref_ref", "pushed_ref", ["ref", "state", "delivery_id"], unique=False)
    op.create_index(
        "pushed_ref_repo_ref", "pushed_ref", ["repo", "ref", "state", "delivery_id"], unique=False
    )
    op.create_index("pushed_ref_sha", "pushed_ref", ["sha"], unique=False)
