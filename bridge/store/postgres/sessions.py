"""One session after the other for who writes, so that those that were given up do not pile up at the server.

A client that gives up only closes its end. Who waits at the server does not notice: not while a replica that
has to confirm a commit is away, and for a while not where the network was cut. Each attempt would leave one
more session, until the server takes no connection. One that waits for a replica is not ended: others would
see what it has committed before it is confirmed.

Source: PostgreSQL documentation, "Server Signaling Functions"
(https://www.postgresql.org/docs/13/functions-admin.html), "The Statistics Collector"
(https://www.postgresql.org/docs/13/monitoring-stats.html), "DISCARD"
(https://www.postgresql.org/docs/13/sql-discard.html), "Error Reporting and Logging", on `application_name`
(https://www.postgresql.org/docs/13/runtime-config-logging.html).
"""

from secrets import token_hex
from typing import Final

from sqlalchemy import Connection, Engine, text

from bridge.store.postgres.engine import discard
from bridge.store.sql.database import TransactionLost

_TOKEN_BYTES: Final = 8
# The name has 63 bytes at most, each of them ASCII. Of what the user has called it, the beginning stays.
_OWN: Final = text(
    "SELECT pg_backend_pid(), set_config('application_name', "
    f"left(current_setting('application_name'), {62 - 2 * _TOKEN_BYTES}) || ':' || :token, false)"
)
# By its name, too: the number may have gone to another session, and a proxy gives one that it has reset to
# another client, or to us again.
_END: Final = text(
    "SELECT wait_event = 'SyncRep' OR NOT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE pid = :pid AND application_name = :name AND pid <> pg_backend_pid()"
)
_UNCONFIRMED: Final = "a replica has not confirmed what was written before (synchronous_standby_names)"


class Sessions:
    """The connections of one engine that are used one after the other."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last: dict[str, object] | None = None

    def connect(self) -> Connection:
        """The next one; that before is given up. Raises DBAPIError, or TransactionLost where it cannot be."""
        connection = self._engine.connect()
        try:
            self._end_last(connection)
            pid, name = connection.execute(_OWN, {"token": token_hex(_TOKEN_BYTES)}).one()
        except BaseException:
            discard(connection)
            raise
        self._last = {"pid": pid, "name": name}
        return connection

    def _end_last(self, connection: Connection) -> None:
        if self._last is not None and connection.execute(_END, self._last).scalar():
            raise TransactionLost(_UNCONFIRMED)

    def close(self) -> None:
        """No more of them."""
        self._engine.dispose()
