"""Lists of deliveries, notices and messages are found by index, also those of one namespace."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.drop_index("delivery_stored", "delivery")
    op.create_index("delivery_state", "delivery", ["state", "id"], unique=False)
    op.create_index("delivery_source", "delivery", ["source", "id"], unique=False)
    op.create_index("delivery_forge", "delivery", ["forge", "id"], unique=False)
    op.create_index("build_namespace_delivery", "build", ["namespace", "delivery_id"], unique=False)
    op.create_index(
        "build_repository_delivery", "build", ["namespace", "repo_name", "delivery_id"], unique=False
    )
    for table in ("notice", "message"):
        op.add_column(table, sa.Column("namespace", sa.Text(), nullable=True))
        op.add_column(table, sa.Column("repo_name", sa.Text(), nullable=True))
        # Facts that are damaged have none, and must not keep the daemon from its start.
        op.execute(
            f"UPDATE {table} SET namespace = json_extract(facts, '$.namespace'), "  # noqa: S608
            "repo_name = json_extract(facts, '$.repo_name') WHERE json_valid(facts)"
        )
    op.drop_index("notice_build", "notice")
    op.create_index("notice_build", "notice", ["build_id", "id"], unique=False)
    op.create_index("notice_channel", "notice", ["channel", "id"], unique=False)
    op.create_index("notice_state", "notice", ["state", "id"], unique=False)
    op.create_index("notice_namespace", "notice", ["namespace", "id"], unique=False)
    op.create_index("notice_repository", "notice", ["namespace", "repo_name", "id"], unique=False)
    op.create_index("message_event", "message", ["event", "id"], unique=False)
    op.create_index("message_namespace", "message", ["namespace", "id"], unique=False)
    op.create_index("message_repository", "message", ["namespace", "repo_name", "id"], unique=False)
