"""What waits goes in the order in which it was written, not in that of ids, which clocks have given.

To PostgreSQL a node of the release before may write beside those of this one, and knows of no turns: a
trigger gives them to its rows.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"

_WAITS: Final = "state = 'stored'"
_EARLIER: Final = """
UPDATE {table} SET turn = placed.place FROM (
    SELECT id AS placed_id, row_number() OVER ({order}) AS place FROM {table} WHERE {given}
) AS placed WHERE placed.placed_id = {table}.id
"""
_GIVE: Final = """
CREATE FUNCTION give_turn() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT coalesce(max(turn), 0) + 1 FROM %I WHERE %s', TG_TABLE_NAME, TG_ARGV[0])
    INTO NEW.turn USING NEW;
    RETURN NEW;
END $$
"""
_WITHOUT: Final = """
CREATE TRIGGER without_turn BEFORE INSERT ON {table} FOR EACH ROW WHEN (NEW.turn = 0)
EXECUTE FUNCTION give_turn('{among}')
"""


def upgrade() -> None:
    # By table: which rows have turns, in which order they are now, and among which a new one has its turn.
    turns = {
        "delivery": (_WAITS, "ORDER BY id", _WAITS),
        "notice": ("state IN ('pending', 'sending')", "ORDER BY id", "true"),
        "ref_move": ("true", "PARTITION BY code, ref ORDER BY at, id", "code = ($1).code AND ref = ($1).ref"),
    }
    is_postgres = op.get_context().dialect.name == "postgresql"
    if is_postgres:
        op.execute(_GIVE)
    for table, (given, order, among) in turns.items():
        op.add_column(table, sa.Column("turn", sa.Integer(), server_default=sa.text("0"), nullable=False))
        op.execute(_EARLIER.format(table=table, order=order, given=given))
        if is_postgres:
            op.execute(_WITHOUT.format(table=table, among=among.replace("'", "''")))
    waits = sa.text(_WAITS)
    op.create_index("delivery_turn", "delivery", ["state", "turn"], unique=False, sqlite_where=waits)
    op.create_index("notice_turn", "notice", ["turn"], unique=False)
