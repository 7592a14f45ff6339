"""The tables about the daemon itself. They belong to the same metadata as those of `bridge.store.schema`."""

from sqlalchemy import Column, Float, Integer, Table, Text, text

from bridge.store.schema import Serial, metadata

daemon_start = Table(
    "daemon_start",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("version", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
)
"""One row: the last start of the daemon."""

rejection = Table(
    "rejection",
    metadata,
    Column("minute", Integer, primary_key=True, comment="the minutes since 1970 before it"),
    Column("source", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How many requests of the last hour were rejected."""

node = Table(
    "node",
    metadata,
    Column("id", Text, primary_key=True),
    Column("home", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started_at", Float, nullable=False),
    Column("beat_at", Float, nullable=False),
    Column("offers", Text, nullable=False),
    Column("parts", Text, nullable=False),
    Column("key_ids", Text, nullable=False, server_default=text("'[]'")),
)
"""The daemons that serve the store now."""

duty = Table(
    "duty",
    metadata,
    Column("name", Text, primary_key=True),
    Column("node_id", Text),
    Column("home", Text),
    Column("since", Float, nullable=False),
)
"""What one node at a time does, and which: duties, and besides the builders and channels that are in them.

`home` is where it was begun last: the node of a duty, the place of a builder.
"""
