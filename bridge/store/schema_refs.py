"""The tables of looks at Git hosts, of the same metadata as `bridge.store.schema`."""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from bridge.store.schema import Serial, metadata

code_look = Table(
    "code_look",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("code", Text, nullable=False, unique=True),
    Column("clone_url", Text, nullable=False),
    Column("looks", Integer, nullable=False, comment="so many were written: who read another number is late"),
    Column("looked_at", Float, comment="NULL before the first look that the host answered"),
    Column("failed_since", Float),
    Column("error", Text, nullable=False, server_default=""),
)
"""When the refs of each code repository were last asked for at its host, and since when that fails."""

known_ref = Table(
    "known_ref",
    metadata,
    Column("look_id", Integer, ForeignKey("code_look.id", ondelete="CASCADE"), primary_key=True),
    Column("ref", Text, primary_key=True),
    Column("object", Text, nullable=False),
)
"""What the refs pointed to at the last look."""

missed_ref = Table(
    "missed_ref",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("code", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("repo", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("delivery_id", Text),
    Index("missed_ref_at", "at"),
    Index("missed_ref_code", "code", "state"),
)
"""The pushes that no webhook had reported when a look found them; an empty text stands for no object."""

redelivery = Table(
    "redelivery",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("code", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("repo", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("state", Text, nullable=False),
    UniqueConstraint("source", "key"),
    Index("redelivery_at", "at"),
)
"""The failed deliveries that hosts were asked to send again, each once."""
