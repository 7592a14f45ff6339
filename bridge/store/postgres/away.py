"""Whether a PostgreSQL server is away, or there and says what is wrong.

Source: PostgreSQL documentation, "PQping" (https://www.postgresql.org/docs/13/libpq-connect.html).
"""

from typing import Final

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.pq import PGconn, Ping

from bridge.store.postgres.engine import CONNECT_SECONDS, engine_of
from bridge.store.postgres.failures import reason

_AWAY: Final = {Ping.REJECT, Ping.NO_RESPONSE}
_LASTING: Final = ("SSL", "certificate")
"""What libpq says of a server that it does not trust, and of files here: time does not mend that."""


def why_away(url: str) -> str | None:
    """Why no server at `postgresql://…` takes connections now.

    None where one does, and where the URL or the way to it is wrong: who connects hears of that.
    """
    engine = engine_of(url, read_only=True)
    # Several servers stand in a URL in another form than libpq's.
    named = engine.dialect.create_connect_args(engine.url)[1]
    named.pop("context")
    try:
        asked = make_conninfo(**{**named, "connect_timeout": CONNECT_SECONDS})
        if PGconn.ping(asked.encode()) not in _AWAY:
            return None
        psycopg.connect(asked).close()
    except psycopg.OperationalError as error:
        why = reason(error)
        return None if any(word in why for word in _LASTING) else why
    except psycopg.Error:
        return None
    return None
