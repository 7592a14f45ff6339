"""How PostgreSQL gets the tables of the schema, from `create_all` and from migrations alike.

Texts compare by their bytes, as in SQLite: neither order nor equality hangs on how the database was created.
Numbers have 64 bits. The condition of an index that has one is the same in both engines.
"""

from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Integer, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex

from bridge.store.sql import constructs

if TYPE_CHECKING:  # the dialect is for `engine` to load
    from sqlalchemy.dialects.postgresql.base import PGDDLCompiler, PGTypeCompiler

IGNORES_CASE = """
CREATE COLLATION IF NOT EXISTS "NOCASE" (provider = icu, locale = 'und-u-ks-level2', deterministic = false)
"""
"""What the schema calls NOCASE, which SQLite has of itself."""

READABLE_JSON = rf"""
CREATE FUNCTION {constructs.READABLE_JSON}(document text) RETURNS json
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN CAST(replace(document, '\u0000', '\ufffd') AS json);
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$
"""
"""One NUL in a text of a document, whatever its key, would have none of its keys read; no damaged document
may keep a query from the other rows, and PostgreSQL before 16 cannot ask whether a text is JSON."""


@compiles(Text, "postgresql")
def _text(type_: Text, compiler: "PGTypeCompiler", type_expression: Any = None, **given: Any) -> str:
    written: str = compiler.visit_TEXT(type_, **given)
    is_bare = isinstance(type_expression, Column) and type_.collation is None
    return f'{written} COLLATE "C"' if is_bare else written


@compiles(Integer, "postgresql")
def _integer(_type: Integer, _compiler: "PGTypeCompiler", type_expression: Any = None, **_given: Any) -> str:
    return "BIGINT" if isinstance(type_expression, Column) else "INTEGER"


@compiles(CreateIndex, "postgresql")
def _index(element: CreateIndex, compiler: "PGDDLCompiler", **given: Any) -> str:
    options = element.element.dialect_options
    options["postgresql"]["where"] = options["sqlite"]["where"]
    written: str = compiler.visit_create_index(element, **given)  # type: ignore[no-untyped-call]
    return written
