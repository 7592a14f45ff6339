"""What the store reads and writes for a plan: by index, and each build of a delivery once."""

from functools import partial
from itertools import pairwise

import pytest
from sqlalchemy import Connection, Select
from support.engines import indexes
from support.scripted import Store, new_build, quiet

from bridge.model.event import RefMove
from bridge.model.plan import MAX_MOVES, Create, KnownMove, Plan
from bridge.planning.ref_history import recorded
from bridge.store.sql import history
from bridge.store.sql.apply import apply


@pytest.mark.parametrize(
    ("statement", "wanted"),
    [
        pytest.param(
            history._BUILDS,
            {"build_pushed", "build_of_repository_in_state"},
            # Without rows PostgreSQL has several indexes that are as good as these.
            marks=pytest.mark.sqlite,
        ),
        (history._LAST_TRIGGERED, {"build_ref"}),
        (history._TIPS, {"tip_ref"}),
    ],
)
async def test_no_row_is_read_that_is_not_needed(
    store: Store, statement: Select[tuple[object, ...]], wanted: set[str]
) -> None:
    """Decisions are made in the writer's transaction, which must not last longer as the store grows."""
    values = {name: "[]" for name, value in statement.compile().params.items() if value is None}
    found = await store.database.read(partial(indexes, query=statement, values=values))
    assert {name for name in found if name.startswith(("build_", "tip_"))} == wanted


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
