"""The turn of a row: in which order rows were written, whatever the clocks of the machines say.

Transactions that write take turns themselves, so the number after the greatest one is that of no other row.
Deliveries that are inserted at once may have the same one, and go by their ids then: no sender has an answer.
"""

from sqlalchemy import ColumnElement, ScalarSelect, Table, TextClause, func, select


def next_turn(table: Table, *among: ColumnElement[bool] | TextClause) -> ScalarSelect[int]:
    """The turn after that of every other row; where turns order only some rows, after those `among` them."""
    return select(func.coalesce(func.max(table.c.turn), 0) + 1).where(*among).scalar_subquery()
