"""Whatever filters of a list go together, its rows are found by index."""

from alembic import op

revision = "0023"
down_revision = "0022"

GONE = {
    "delivery": ("delivery_source", "delivery_forge"),
    "notice": ("notice_channel", "notice_namespace", "notice_repository"),
    "message": ("message_namespace", "message_repository"),
}
NEW = {
    "delivery_source_state": ("delivery", ["source", "state", "id"]),
    "notice_channel_state": ("notice", ["channel", "state", "id"]),
    "notice_namespace_channel": ("notice", ["namespace", "channel", "state", "id"]),
    "notice_repository_state": ("notice", ["namespace", "repo_name", "state", "id"]),
    "notice_repository_channel": ("notice", ["namespace", "repo_name", "channel", "state", "id"]),
    "message_namespace_event": ("message", ["namespace", "event", "id"]),
    "message_repository_event": ("message", ["namespace", "repo_name", "event", "id"]),
}


def upgrade() -> None:
    for table, indexes in GONE.items():
        for index in indexes:
            op.drop_index(index, table)
    for index, (table, columns) in NEW.items():
        op.create_index(index, table, columns, unique=False)
