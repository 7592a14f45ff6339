"""The tables about callers: their tokens and sessions, what they changed, and what they want done once.

They belong to the same metadata as those of `bridge.store.schema`.
"""

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, Table, Text, UniqueConstraint, text

from bridge.store.schema import metadata

token = Table(
    "token",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("namespaces", Text),
    Column("key_id", Text, nullable=False),
    Column("access_key", Text, unique=True),
    Column("created_at", Float, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Column("last_used_at", Float),
)
"""The tokens and access keys of the API; each is derived from a key of the server, so no secret is here."""

session = Table(
    "session",
    metadata,
    Column("id", Text, primary_key=True, comment="the SHA-256 of the secret that the browser has"),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("token_id", Text),
    Column("proof", Text),
    Column("created_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("address", Text, nullable=False),
    Column("agent", Text, nullable=False),
    Index("session_created", "created_at"),
    Index("session_of_token", "token_id", "created_at"),
)
"""The browsers in which somebody is signed in; one that has ended is deleted."""

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Float, nullable=False),
    Column("name", Text, nullable=False),
    Column("token_id", Text),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Index("audit_at", "at"),
    Index("audit_name", "name", "id"),
    Index("audit_action", "action", "id"),
    Index("audit_name_action", "name", "action", "id"),
)
"""Who changed what: one row for each change by a call of the API or by a command."""

idempotency_key = Table(
    "idempotency_key",
    metadata,
    Column("id", Text, primary_key=True),
    Column("caller", Text, nullable=False),
    Column("key", Text, nullable=False, comment="the SHA-256 of what the client sent"),
    Column("request", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("done", Integer, nullable=False, server_default=text("0")),
    Column("status", Integer, comment="NULL, with the rest, until it is answered"),
    Column("media_type", Text),
    Column("body", LargeBinary),
    Column("node_id", Text, comment="the node that answers it now"),
    Column("held_at", Float, comment="since when it does"),
    UniqueConstraint("caller", "key"),
    Index("idempotency_key_at", "at"),
)
"""What callers want done once: a key of theirs, the request that it stands for, and its answer.

`done` is 1 once that was done which could not be told from the doing of others.
"""
