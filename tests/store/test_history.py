"""What the store reads and writes for a plan: by index, and each build of a delivery once."""

import pytest
from sqlalchemy import Connection, Select
from sqlalchemy.dialects import sqlite
from support.scripted import Store, new_build, quiet

from bridge.model.plan import Create, Plan
from bridge.store.sqlite import history
from bridge.store.sqlite.apply import apply


@pytest.mark.parametrize(
    ("statement", "indexes"),
    [
        (history._BUILDS, {"build_pushed", "build_unended"}),
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


async def test_a_delivery_makes_a_build_of_a_tag_set_once(store: Store) -> None:
    new = new_build("one")
    twice = Plan(actions=[Create(new, 1), Create(new, 2)])
    applied = await store.database.write(lambda connection: apply(connection, twice, "one", 0.0, quiet))
    assert len(applied.builds) == 1
    assert applied.summaries == ("acme/shop (latest)",)
    assert len(await store.builds.of_delivery("one")) == 1
