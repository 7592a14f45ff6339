"""Runs the migrations on one SQLite file, each in a transaction of its own."""

from typing import Any

from alembic import context
from sqlalchemy import URL, create_engine, event
from sqlalchemy.pool import NullPool

from bridge.store.schema import metadata


def _own_transactions(connection: Any, _record: object) -> None:
    # The driver would commit before each DDL statement; then a crash could leave half a migration.
    connection.isolation_level = None


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN EXCLUSIVE")


engine = create_engine(
    URL.create("sqlite", database=str(context.config.attributes["path"])), poolclass=NullPool
)
event.listen(engine, "connect", _own_transactions)
event.listen(engine, "begin", _begin)
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
