"""The tables of repositories, of the same metadata as `bridge.store.schema`."""

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from bridge.store.schema import Serial, metadata

repository = Table(
    "repository",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("repo_name", Text, primary_key=True),
    Column("document", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)
"""The build repositories that were made by API; `document` is what a rule file would hold."""

repository_override = Table(
    "repository_override",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("repo_name", Text, primary_key=True),
    Column("disabled_by", Text),
    Column("disabled_at", Float),
    Column("disabled_reason", Text),
    Column("notices_by", Text),
    Column("notices_at", Float),
    Column("notices", Text),
)
"""Settings that were changed by API, also those of repositories in files."""

rules_revision = Table(
    "rules_revision",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("number", Integer, nullable=False),
)
"""One row, whose number grows with each change of the two tables before."""

build_config = Table(
    "build_config",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("namespace", Text, nullable=False),
    Column("repo_name", Text, nullable=False),
    UniqueConstraint("namespace", "repo_name"),
    sqlite_autoincrement=True,
)
"""The number of each repository in force, whether it is in a file or was made by API."""

tag_config = Table(
    "tag_config",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("build_config_id", Integer, ForeignKey("build_config.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Index("tag_config_of", "build_config_id"),
    sqlite_autoincrement=True,
)
"""The number of each tag configuration in force; `name` tells those of one repository apart."""
