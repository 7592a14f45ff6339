"""What libpq's parameters in the URL of a PostgreSQL database do, and what the daemon sets itself."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from pydantic import ValidationError
from sqlalchemy import Connection
from support.kinds import KINDS
from support.pooler import PoolMode, serve_pooler
from support.postgres import Server, serve_postgres
from support.scripted import eventually

from bridge.config.loader import load_config
from bridge.config.store import StoreSettings
from bridge.errors import StoreError
from bridge.store.postgres.database import Database
from bridge.store.postgres.engine import discard, engine_of
from bridge.store.postgres.sessions import Sessions

_SESSION = (
    "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit",
    "plan_cache_mode", "tcp_keepalives_idle", "tcp_user_timeout",
)  # fmt: skip


def settings(connection: Connection) -> dict[str, str]:
    return {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in _SESSION}


@pytest.mark.parametrize(
    "name",
    [one.keyword.decode() for one in psycopg.pq.Conninfo.get_defaults() if one.dispchar == b"*"],
)
def test_whatever_libpq_calls_secret_is_refused(name: str) -> None:
    for written in (name, name.upper(), quote(name).replace("s", "%73")):
        with pytest.raises(ValidationError) as raised:
            StoreSettings(url=f"postgresql://bridge@db/bridge?sslmode=require&{written}=hunter2")
        said = raised.value.errors()[0]["msg"]
        assert said.startswith("has a password" if name == "password" else f"has {name}, which others could")


@pytest.mark.parametrize("password", ["", "password: {env: WORD}"])
def test_what_the_daemon_sets_itself_is_left_out_with_a_warning(tmp_path: Path, password: str) -> None:
    given = (
        "connect_timeout=10&application_name=a%26b&target_session_attrs=read-write&keepalives=0"
        "&host=db-2&keepalives%5Fidle=9&tcp_user_timeout=&client_encoding=latin1"
    )
    file = tmp_path / "bridge.yaml"
    for parameters in (given, "keepalives_count=1"):
        url = f"postgresql://bridge@db/bridge?{parameters}"
        file.write_text(f'sources: {{}}\nstore:\n  url: "{url}"\n  {password}\n')
        found = load_config(file, KINDS, {"WORD": "s3cret"})
        (warning,) = (fault for fault in found.warnings if fault.path == "store.url")
        assert warning.place.endswith("bridge.yaml:3:3")
        name = parameters.partition("=")[0]
        assert warning.problem == f"has {name}, which the daemon sets itself: leave it out"
        user = "bridge:s3cret" if password else "bridge"
        kept = "?application_name=a%26b&host=db-2" if parameters == given else ""
        assert found.store_url == f"postgresql://{user}@db/bridge{kept}"


async def test_options_of_the_user_hold_beside_the_bounds_of_the_daemon(postgres: Server, url: str) -> None:
    name = url.rpartition("/")[2]
    postgres.execute(name, "CREATE SCHEMA bridge")
    options = quote("-c search_path=bridge -c work_mem=5MB -c statement_timeout=0", safe="")
    with Database.open(f"{url}?options={options}&application_name=mine", exclusive=True) as database:
        for done in (database.read, database.write):
            assert (
                await done(lambda connection: connection.exec_driver_sql("SHOW work_mem").scalar()) == "5MB"
            )
            assert await done(settings) == {
                "statement_timeout": "30s",
                "lock_timeout": "6s",
                "idle_in_transaction_session_timeout": "5s",
                # Of the transaction of a turn; another one has all on disk.
                "synchronous_commit": "on" if done == database.read else "off",
                "plan_cache_mode": "force_custom_plan",
                "tcp_keepalives_idle": "5",
                "tcp_user_timeout": "10000",
            }
        seen = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database()"
        assert {"mine"} <= {who for (who,) in postgres.execute(name, seen)}
    made = "SELECT DISTINCT schemaname FROM pg_tables WHERE tablename IN ('delivery', 'written')"
    assert postgres.execute(name, made) == [("bridge",)]


async def test_readers_pass_over_a_standby_that_stands_first() -> None:
    with serve_postgres() as primary:
        url = primary.make_database()
        name = url.rpartition("/")[2]
        Database.open(url, exclusive=True).close()
        primary.stop()
        with serve_postgres(primary=primary) as standby:
            assert standby.execute(name, "SELECT pg_is_in_recovery()") == [(True,)]
            primary.start()
            hosts = "&".join(f"host=127.0.0.1:{server.port}" for server in (standby, primary))
            with Database.open(f"postgresql://bridge@/{name}?{hosts}", exclusive=True) as database:
                insert = "INSERT INTO service (name, paused_until) VALUES ('new', 0)"
                await database.write(lambda connection: connection.exec_driver_sql(insert).rowcount)
                found = "SELECT name FROM service"
                assert await database.read(
                    lambda connection: list(connection.exec_driver_sql(found).scalars())
                ) == ["new"]


@pytest.fixture
def pooled(postgres: Server, url: str) -> Callable[[PoolMode], AbstractContextManager[str]]:
    """The URL of the database behind a pooler of a kind."""

    @contextmanager
    def behind(mode: PoolMode) -> Iterator[str]:
        with serve_pooler(postgres.port, mode) as pooler:
            yield url.replace(str(postgres.port), str(pooler.port))

    return behind


async def test_a_pooler_that_leaves_a_session_to_its_client_does(
    pooled: Callable[[PoolMode], AbstractContextManager[str]],
) -> None:
    with pooled("session") as url:
        for _ in range(2):
            with Database.open(url, exclusive=True) as database:
                for done in (database.read, database.write):
                    found = await done(settings)
                    assert (found["statement_timeout"], found["lock_timeout"]) == ("30s", "6s")
        with pytest.raises(StoreError, match="unsupported startup parameter: options"):
            Database.open(f"{url}?options=-cwork_mem%3D5MB", exclusive=True)


async def test_a_session_that_a_pooler_has_given_to_someone_else_is_not_ended(
    postgres: Server, url: str
) -> None:
    def pid(connection: Connection) -> int:
        return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())

    with serve_pooler(postgres.port, "session") as pooler:
        # No room is left in that name.
        behind = f"{url.replace(str(postgres.port), str(pooler.port))}?application_name={'n' * 63}"
        ours, another = (Sessions(engine_of(behind, read_only=False)) for _ in range(2))
        connection = ours.connect()
        used = pid(connection)
        for again in (ours, another):
            discard(connection)
            await eventually(lambda: pooler.idle == 1)
            connection = again.connect()
            assert pid(connection) == used
        beside = ours.connect()
        assert pid(connection) == used, "it goes on"
        given_up = pid(beside)
        last = ours.connect()
        alive = f"SELECT 1 FROM pg_stat_activity WHERE pid = {given_up}"
        await eventually(lambda: not postgres.execute("postgres", alive))
        for one in (connection, beside, last):
            discard(one)


@pytest.mark.parametrize("exclusive", [True, False])
def test_a_pooler_that_mixes_the_transactions_of_its_clients_is_refused(
    pooled: Callable[[PoolMode], AbstractContextManager[str]], url: str, exclusive: bool
) -> None:
    Database.open(url, exclusive=True).close()
    with (
        pooled("transaction") as behind,
        pytest.raises(StoreError, match=r"several clients share a connection: .* pool_mode = session"),
    ):
        Database.open(behind, exclusive=exclusive)
