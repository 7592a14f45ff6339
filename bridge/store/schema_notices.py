"""The tables of silences and of what keeps notices, of the same metadata as `bridge.store.schema`."""

from sqlalchemy import Column, Float, Index, Integer, Table, Text, text

from bridge.store.schema import metadata

silence = Table(
    "silence",
    metadata,
    Column("id", Text, primary_key=True),
    Column("created_at", Float, nullable=False),
    Column("until", Float, nullable=False),
    Column("author", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("repository", Text),
    Column("ref", Text),
    Column("events", Text, nullable=False, server_default="[]"),
    Column("channel", Text),
    Column("ended_at", Float),
    Column("ended_by", Text),
    Column("held", Integer, nullable=False, server_default=text("0")),
    Index("silence_until", "until"),
)
"""The silences, those that have ended among them; `held` counts the notices that each has suppressed."""

channel_wait = Table(
    "channel_wait",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("quiet_until", Float, nullable=False, server_default=text("0")),
    Column("rate_until", Float, nullable=False, server_default=text("0")),
)
"""Until when quiet hours and the rate kept notices of a channel when it looked for the last time."""
