"""Stores that are filled with builds by a few statements, for what must not depend on how many there are."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Connection, event, text
from support.scripted import Store

from bridge.model.build import Build
from bridge.model.notice import ServiceFacts
from bridge.store.codec import FACTS, dump
from bridge.store.sql.logs import RunLog

TEAMS: Final = 200
"""How many namespaces there are beside acme, whose job acme/shop has most of the builds."""
OPEN: Final = 40
"""The newest builds run."""
SPAN_SECONDS: Final = 28 * 24 * 3600.0
"""The builds are spread over so long before now."""
_PIECE: Final = "".join(f"step {number:04}: {'.' * 64}\n" for number in range(64))
_BUILDS: Final = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many),
each_of AS (SELECT i, substr(CAST(100000000 + i AS TEXT), 2) AS name, :begin + i * :step AS at,
                   CASE WHEN i / 11 % 10 = 0 THEN 'manual' ELSE 'push' END AS why,
                   CASE WHEN i / 7 % 2 = 1 THEN 'true' ELSE 'false' END AS public FROM n),
one AS (SELECT * FROM build ORDER BY number LIMIT 1)
INSERT INTO build (id, delivery_id, namespace, repo_name, number, tag_set, builder, ref, is_public, request,
                   origin, subscriptions, state, created_at, next_at, started_at, ended_at, released, serial,
                   cause)
SELECT '01ffffff-0000-7000-8000-0000' || name, name,
       CASE WHEN i % 5 = 0 THEN 'team-' || substr(CAST(1000 + i / 5 % :teams AS TEXT), 2) ELSE namespace END,
       repo_name, i + 1, tag_set, builder, CASE WHEN i / 3 % 10 = 0 THEN 'refs/heads/other' ELSE ref END,
       i / 7 % 2, request,
       replace(replace(replace(origin, delivery_id, name), '"push"', '"' || why || '"'),
               '"is_public"\\:false', '"is_public"\\:' || public), subscriptions,
       CASE WHEN i > :many - :open THEN 'running' WHEN i / 5 % 4 = 0 THEN 'failed'
            WHEN i / 5 % 20 = 1 THEN 'cancelled' ELSE 'succeeded' END,
       at, next_at, at + 3, CASE WHEN i <= :many - :open THEN at + 60 END,
       CASE WHEN i <= :many - :open THEN 1 ELSE 0 END, i + 1, why
FROM each_of CROSS JOIN one
"""
_OUTCOMES: Final = """
INSERT INTO outcome (namespace, repo_name, hour, is_public, state, count)
SELECT namespace, repo_name, CAST(floor(created_at) AS INTEGER) / 3600, is_public, state, count(*)
FROM build WHERE ended_at IS NOT NULL GROUP BY 1, 2, 3, 4, 5
"""
_LISTS: Final = (
    """
INSERT INTO delivery (id, source, forge, key, event, headers, body, received_at, state)
SELECT delivery_id, iif(number % 4 = 1, 'two', 'one'), 'Simple', delivery_id, 'push', '{}', x'', created_at,
       'dispatched'
FROM build WHERE number > (SELECT max(number) / 2 FROM build)
""",
    """
INSERT INTO delivery (id, source, forge, key, event, headers, body, received_at, state)
SELECT id || ' none', iif(rowid % 2, 'two', 'one'), forge, id || ' none', event, headers, body, received_at,
       iif(rowid % 2, 'dead', 'ignored')
FROM delivery
""",
    """
INSERT INTO pushed_ref (delivery_id, position, state, repo, ref, sha, author)
SELECT id, 0, state, iif(rowid % 3, 'acme/shop-web', 'acme/tool'),
       iif(rowid % 5, 'refs/heads/main', 'refs/tags/v' || (rowid % 10)),
       printf(iif((SELECT count(*) FROM delivery) - rowid < 30, 'deadbee%033d', '%040d'), rowid),
       'Ann'
FROM delivery
""",
    """
INSERT INTO notice (id, dedupe, build_id, channel, event, job, facts, state, created_at, next_at, namespace,
                    repo_name)
SELECT id, id, delivery_id, iif(number % 4 IN (0, 3), 'team', 'mail'),
       iif(number % 2, 'buildJobFail', 'buildJobSuccess'), '', :facts,
       iif(number % 4, 'dead', 'sent'), created_at, created_at,
       iif(number % 4 = 3, NULL, iif(number % 4 = 2, 'team-001', 'acme')),
       iif(number % 4 = 3, NULL, iif(number % 4 = 1, 'web', 'shop'))
FROM build
""",
    """
INSERT INTO message (notice_id, at, event, facts, namespace, repo_name)
SELECT id, created_at, event, facts, namespace, repo_name FROM notice
""",
)
"""The deliveries of the older builds have gone, and as many as there are built nothing."""


async def fill_lists(store: Store) -> None:
    """Add deliveries, notices and messages of the builds in the store.

    Notices and messages are in turn of acme/shop (team, sent), of acme/web (mail, dead), of team-001/shop
    (mail, dead) and of none (team, dead).
    """
    facts = dump(FACTS, ServiceFacts(subject="builder:here", detail="no answer"))

    def work(connection: Connection) -> None:
        for statement in _LISTS:
            connection.execute(text(statement), {"facts": facts} if ":facts" in statement else {})

    await store.database.write(work)


async def fill(store: Store, many: int, teams: int = TEAMS) -> Build:
    """Add `many` builds, most of them of the job acme/shop; returns its first build."""
    first = await store.add_build()
    step = SPAN_SECONDS / many
    values = {"many": many, "teams": teams, "open": OPEN, "begin": store.clock() - SPAN_SECONDS, "step": step}

    def work(connection: Connection) -> None:
        connection.execute(text(_BUILDS), values)
        connection.execute(text(_OUTCOMES))

    await store.database.write(work)
    return first


async def add_long_log(store: Store, build: Build, pieces: int) -> None:
    """Give a build a log of so many pieces, 5 KiB and a second each."""

    def work(connection: Connection) -> None:
        log = RunLog(build.id, build.run)
        for number in range(pieces):
            log.append(
                connection,
                store.clock() + number,
                _PIECE,
                begun="",
                offset=number,
                restarted=False,
                limit=len(_PIECE) * pieces,
            )

    await store.database.write(work)


@contextmanager
def counting(store: Store) -> Iterator[Counter[str]]:
    """Count the `steps` that SQLite takes for what is read, in tens."""
    counted: Counter[str] = Counter()

    def step() -> int:
        counted["steps"] += 1
        return 0

    def watch(connection: sqlite3.Connection, *_rest: Any) -> None:
        connection.set_progress_handler(step, 10)

    def unwatch(connection: sqlite3.Connection, *_rest: Any) -> None:
        connection.set_progress_handler(None, 0)

    pool = store.database._engine.pool
    event.listen(pool, "checkout", watch)
    event.listen(pool, "checkin", unwatch)
    yield counted
    event.remove(pool, "checkout", watch)
    event.remove(pool, "checkin", unwatch)
