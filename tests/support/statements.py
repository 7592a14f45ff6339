"""Statements that are compiled once for all stores of a process.

An engine compiles each statement anew, which takes longer than to run it: most tests have a store of their
own, and run each of their statements once.
"""

from typing import Any, Final

from sqlalchemy import Compiled, Engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

_COMPILED: Final[dict[Any, Compiled]] = {}


class SharedDialect(SQLiteDialect_pysqlite):
    """Dialects are part of the key under which a statement is kept: those of all engines are one."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    @classmethod
    def engine_created(cls, engine: Engine) -> None:
        engine.update_execution_options(compiled_cache=_COMPILED)


def share() -> None:
    """From now on engines for SQLite share what they compile."""
    registry.register("sqlite", __name__, SharedDialect.__name__)
