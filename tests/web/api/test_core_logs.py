"""The log of a run is read in parts, and is that of one run."""

from support.codearts import ended
from support.scripted import Store
from support.trail import change_by

from bridge.web.api.core.logs import log_pieces


async def test_a_log_that_is_being_read_does_not_go_on_with_that_of_the_next_run(store: Store) -> None:
    build = await store.add_build()
    for number in range(150):
        await store.builds.append_log(build.run_id, f"line {number}\n", number, restarted=False)
    await ended(store, build)
    reading = log_pieces(store.builds, await store.build(build.id))
    read = [*await anext(reading)]
    again = await store.builds.retry(build.id, change_by("ann"), "again")
    await store.builds.append_log(again.run_id, "of the next run\n", 1, restarted=False)
    read += [piece async for pieces in reading for piece in pieces]
    assert [piece.text for piece in read] == [f"line {number}\n" for number in range(150)]
