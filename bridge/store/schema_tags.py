"""The table of image tags. It belongs to the same metadata as those of `bridge.store.schema`."""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, Text, text

from bridge.store.schema import metadata

built_tag = Table(
    "built_tag",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("repo_name", Text, primary_key=True),
    Column("tag", Text, primary_key=True),
    Column("build_id", Text, ForeignKey("build.id", ondelete="CASCADE"), nullable=False),
    Column("run", Integer, nullable=False),
    Column("is_public", Integer, nullable=False),
    Column("at", Float, nullable=False),
    Column("top", Integer, nullable=False, comment="the highest number of a build that made it"),
    Index("built_tag_at", "namespace", "repo_name", "at", "tag"),
    Index("built_tag_public", "namespace", "repo_name", "at", "tag", sqlite_where=text("is_public = 1")),
    # What goes with a build that is deleted.
    Index("built_tag_build", "build_id"),
    sqlite_with_rowid=False,
)
"""The build that made each image tag last; it changes in the transaction in which a build succeeds."""
