"""`db copy`: a daemon goes on at the other engine, and what is said about places."""

import json
import time
from pathlib import Path

import pytest
import yaml
from support.chinese import HAN, english_of
from support.copies import execute
from support.daemon import DUMMY, Daemon, running
from support.listed import add_notice
from support.postgres import Server
from support.records import fails, filled, good, one_build, run
from support.rules import shop_rule
from support.scripted import Store, delivery_of
from support.sending import push_body, signed
from support.waiting import eventually

pytestmark = pytest.mark.sqlite
URL = "https://git.example.com/shop.git"


@pytest.fixture
def database(postgres: Server) -> str:
    """An empty one."""
    return postgres.make_database()


def use(daemon: Daemon, url: str, **store: str) -> None:
    """Write the store into the configuration."""
    config = yaml.safe_load(daemon.config.read_text())
    daemon.config.write_text(yaml.safe_dump(config | {"store": {"url": url, **store}}))


def test_open_work_goes_on_at_the_other_engine_and_back(tmp_path: Path, database: str) -> None:
    home = tmp_path / "data"
    with running(tmp_path, DUMMY, {"shop.yaml": shop_rule(URL)}) as daemon:
        token = json.loads(daemon.command("token", "add", "ann", "--role", "admin", "--json").stdout)["token"]
        assert daemon.stop() == 0
    body = push_body(URL)

    async def wait(store: Store) -> None:
        store.clock.now = time.time()
        waiting = await store.add_build("waits", ref="old")
        await add_notice(store, "N-waits", waiting, channel="message")
        await store.deliveries.put(delivery_of("undecided", time.time(), body=body, headers=signed(body)))

    filled(daemon, wait)
    said = good(daemon, "db copy --to", database).stdout
    assert f"{database}: deliveries 2, builds 1, notices 1; " in said
    assert f" rows in all, equal to those of {daemon.database} (checksum " in said
    assert f"write store.folder: {home} there, or take along to /var/lib/buildbridge: {home}/api.key" in said
    assert f"write it as store.url in {daemon.config} before you start the daemon" in said
    assert f"start no daemon on {daemon.database} any more" in said
    use(daemon, database, folder=str(home))
    daemon.start()
    try:
        eventually(lambda: len(daemon.builds(state="succeeded")) == 2)
        eventually(lambda: execute(database, "SELECT state FROM notice WHERE id = 'N-waits'") == [("sent",)])
        assert {build["number"] for build in daemon.api("/v1/builds", token)["results"]} == {1, 2}
        refused = fails(daemon, "db copy --to", f"sqlite://{home}/back.db")
        assert refused.startswith("it is in use by another daemon: stop that one")
    finally:
        assert daemon.stop() == 0
    said = good(daemon, "db copy --to", f"sqlite://{home}/back.db").stdout
    assert "take along" not in said
    use(daemon, f"sqlite://{home}/back.db")
    good(daemon, "db check")
    assert len(good(daemon, "builds list --json").documents) == 2


def test_the_store_that_is_copied_can_be_named(daemon: Daemon, database: str, tmp_path: Path) -> None:
    one_build(daemon)
    use(daemon, database)
    done = good(daemon, "db copy", "--from", f"sqlite://{daemon.database}", "--to", database)
    assert "builds 1" in done.stdout
    assert "write it as store.url" not in done.stdout
    assert len(good(daemon, "builds list --json").documents) == 1
    again = fails(daemon, "db copy", "--from", f"sqlite://{daemon.database}", "--to", database)
    assert again.startswith("the target has a store already: empty the target (a new database, or delete its")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://bridge:hunter2@127.0.0.1/copied", "has a password, which others see in the list"),
        ("postgresql://bridge@127.0.0.1/copied?password=hunter2", "has a password, which others see in"),
        ("mysql://bridge:hunter2@127.0.0.1/copied", "has a password, which others see in the list"),
        (
            "mysql://127.0.0.1/copied",
            "must be sqlite:// and the path of a file: sqlite:///var/lib/buildbridge/bridge.db, or",
        ),
        ("postgresql://127.0.0.1:port/copied", "is no address of a PostgreSQL database: write"),
        ("postgresql://[/copied", "is no address of a PostgreSQL database"),
        ("postgresql://127.0.0.1/copied?sslpassword=hunter2", "has sslpassword, which others could read"),
        ("bridge.db", "must be sqlite:// and the path"),
    ],
)
@pytest.mark.parametrize("option", ["--from", "--to"])
def test_a_url_that_is_wrong_is_said_without_it(daemon: Daemon, option: str, url: str, why: str) -> None:
    given = {"--from": f"sqlite://{daemon.database}", "--to": f"sqlite://{daemon.folder}/copy.db"} | {
        option: url
    }
    done = run(daemon, "db copy", *(word for pair in given.items() for word in pair))
    assert done.status == 2
    assert done.complaint.startswith((f"{option} {why}", f"{option}: {why}"))
    assert "hunter2" not in done.stderr


def test_what_is_said_is_chinese(daemon: Daemon, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    one_build(daemon)
    execute(f"sqlite://{daemon.database}", "UPDATE delivery SET detail = char(0)")
    (daemon.database.parent / "api.key").touch()
    said = good(daemon, "db copy --to", database).stdout
    assert "1 段文字含有 NUL 字符" in said
    assert "与 " in said
    said += run(daemon, "db copy --to", database).stderr
    said += run(daemon, "db copy --to", f"sqlite://{daemon.database}").stderr
    for line in said.splitlines():
        assert HAN.search(line), line
        assert english_of(line) == [], line
