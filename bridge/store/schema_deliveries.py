"""The table of what deliveries moved, of the same metadata as `bridge.store.schema`."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, text

from bridge.store.schema import metadata

pushed_ref = Table(
    "pushed_ref",
    metadata,
    Column("delivery_id", Text, ForeignKey("delivery.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("state", Text, nullable=False, comment="that of the delivery, which no longer changes"),
    Column("repo", Text(collation="NOCASE"), nullable=False),
    Column("ref", Text, nullable=False),
    Column("sha", Text, nullable=False),
    Column("author", Text, nullable=False),
    Column("others", Integer, nullable=False, server_default=text("0")),
    Index("pushed_ref_repo", "repo", "state", "delivery_id"),
    Index("pushed_ref_ref", "ref", "state", "delivery_id"),
    Index("pushed_ref_repo_ref", "repo", "ref", "state", "delivery_id"),
    Index("pushed_ref_sha", "sha"),
    sqlite_with_rowid=False,
)
"""The refs of a delivery that was decided, as its host names them; empty for what that does not say.

`others` is how many refs the delivery has beside this one.
"""
