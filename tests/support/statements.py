"""Statements that are compiled once for all stores of a process.

An engine compiles each statement anew, which takes longer than to run it: most tests have a store of their
own, and run each of their statements once.
"""

from typing import Any, Final

from sqlalchemy import Compiled, Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine.default import DefaultDialect

_COMPILED: Final[dict[Any, Compiled]] = {}


class _Shared(DefaultDialect):
    """Dialects are part of the key under which a statement is kept: all of a kind are one."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        engine.update_execution_options(compiled_cache=_COMPILED)


class SharedSqlite(_Shared, SQLiteDialect_pysqlite):
    supports_statement_cache = True


class SharedPostgres(_Shared, PGDialect_psycopg):
    supports_statement_cache = True


def share() -> None:
    """From now on engines of a kind share what they compile."""
    registry.register("sqlite", __name__, SharedSqlite.__name__)
    registry.register("postgresql.psycopg", __name__, SharedPostgres.__name__)
