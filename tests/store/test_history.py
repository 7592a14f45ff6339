"""What the store reads and writes for a plan: by index, and each build of a delivery once."""

from itertools import pairwise

import pytest
from sqlalchemy import Connection, Select
from sqlalchemy.dialects import sqlite
from support.scripted import Store, new_build, quiet

from bridge.model.event import RefMove
from bridge.model.plan import MAX_MOVES, Create, KnownMove, Plan
from bridge.planning.ref_history import recorded
from bridge.store.sql import history
from bridge.store.sql.apply import apply


@pytest.mark.parametrize(
    ("statement", "indexes"),
    [
        (history._BUILDS, {"build_pushed", "build_of_repository_in_state"}),
        (history._LAST_TRIGGERED, {"build_ref"}),
        (history._TIPS, {"tip_ref"}),
    ],
)
async def test_no_row_is_read_that_is_not_needed(
    store: Store, statement: Select[tuple[object, ...]], indexes: set[str]
) -> None:
    """Decisions are made in the writer's transaction, which must not last longer as the store grows."""

    def work(connection: Connection) -> list[str]:
        compiled = statement.compile(dialect=sqlite.dialect())
        values = tuple("[]" for _ in compiled.positiontup or ())
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}", values)
        return [row.detail for row in rows if " INDEX build_" in row.detail or " INDEX tip_" in row.detail]

    steps = await store.database.read(work)
    assert {step.partition("INDEX ")[2].partition(" ")[0] for step in steps} == indexes


async def test_the_planner_knows_the_same_moves_as_the_store(store: Store) -> None:
    objects = [f"{number:040x}" for number in range(MAX_MOVES + 20)]
    moves = [RefMove("code", "refs/heads/main", *pair, {}) for pair in pairwise(objects)]

    def work(connection: Connection) -> None:
        planned: list[KnownMove] = []
        for at, move in enumerate([*moves, moves[-1], moves[-MAX_MOVES], moves[0]]):
            planned = recorded(planned, move, at)
            history.record_move(connection, move, at)
            assert planned == history.moves_of(connection, move.code, move.ref)
        assert len(planned) == MAX_MOVES

    await store.database.write(work)


async def test_a_delivery_makes_a_build_of_a_tag_set_once(store: Store) -> None:
    new = new_build("one")
    twice = Plan(actions=[Create(new, 1), Create(new, 2)])
    applied = await store.database.write(lambda connection: apply(connection, twice, "one", 0.0, quiet))
    assert len(applied.builds) == 1
    assert applied.summaries == ("acme/shop (latest)",)
    assert len(await store.builds.of_delivery("one")) == 1
