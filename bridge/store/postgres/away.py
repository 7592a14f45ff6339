"""Whether a PostgreSQL server is away, or there and says what is wrong.

Source: PostgreSQL documentation, "PQping" (https://www.postgresql.org/docs/13/libpq-connect.html).
"""

from typing import Final

from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from bridge.store.postgres.engine import CONNECT_SECONDS

_AWAY: Final = {Ping.REJECT, Ping.NO_RESPONSE}


def is_away(url: str) -> bool:
    """Whether no server at `postgresql://…` takes connections now, whoever asks for one."""
    asked = make_conninfo(url, connect_timeout=CONNECT_SECONDS)
    return PGconn.ping(asked.encode()) in _AWAY
