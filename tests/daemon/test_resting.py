"""What a daemon has in memory before anything is asked of it."""

import importlib.util
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from bench.resting import RULE, settings
from support.daemon import Daemon
from support.waiting import eventually

from bridge.cli.schema import config_schema

LATER = (
    "bridge.builders.jenkins.exchange",
    "bridge.builders.jenkins.setup",
    "bridge.builders.local.checkout",
    "bridge.builders.local.engine",
    "bridge.builders.local.objects",
    "bridge.builders.local.process",
    "bridge.channels.adapters.apprise.service",
    "bridge.channels.adapters.mail.address",
    "bridge.channels.adapters.mail.attempt",
    "bridge.channels.adapters.mail.message",
    "bridge.channels.templates.worded",
    "bridge.runtime.otlp",
    "bridge.web.api.app",
    "bridge.web.api.chinese",
    "bridge.web.pages.app",
    "bridge.web.site",
    "aiosmtplib",
    "alembic",
    "apprise",
    "charset_normalizer",
    "cryptography",
    "email.headerregistry",
    "http.server",
    "jenkins",
    "jinja2",
    "jwt",
    "logging.config",
    "opentelemetry",
    "pygments",
    "re2",
    "requests",
    "rich",
    "urllib3",
    "zstandard",
)
"""Modules that are loaded only once they are used, if they are used in the daemon's process at all."""
AT_ONCE = ("bridge.builders.jenkins.builder", "bridge.builders.local.builder")
AT_EXIT = """
import atexit, sys
names = lambda: "\\n".join(name for name, module in sys.modules.items() if module)
atexit.register(lambda: open({file!r}, "w").write(names()))
"""
STATEMENTS = """
import threading, time
from sqlalchemy import Engine, event
lines = open({file!r}, "a", buffering=1)
event.listen(Engine, "before_cursor_execute", lambda *_: lines.write(f"{{time.monotonic():.3f}}\\n"))
"""
"""When the process executes each statement, by a clock that it has in common with others."""
MOST_STATEMENTS = 6
"""In one second of rest: with each builder and channel that looks into the store it would be over 30."""
WIDE = re.compile(r"(?:\[\^[^\]]*\]|\\[SWD]|\.)\{(?:\d*,)?(\d+)\}")
"""A repetition of what most characters are of, and how often at most."""


@pytest.mark.parametrize("name", LATER)
def test_what_is_loaded_later_is_there(name: str) -> None:
    assert importlib.util.find_spec(name)


def test_a_daemon_at_rest_has_loaded_nothing_that_it_has_not_used(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(AT_EXIT.format(file=f"{tmp_path}/modules"))
    config = {name: part for name, part in settings(tmp_path, 0).items() if name not in {"server", "store"}}
    daemon = Daemon(tmp_path, config, {"shop.yaml": RULE.format(branch="main")})
    daemon.start(PYTHONPATH=f"{tmp_path}/site")
    assert daemon.stop() == 0
    loaded = (tmp_path / "modules").read_text().splitlines()
    assert set(AT_ONCE) <= {*loaded}
    assert [name for name in LATER if name in loaded] == []


def test_no_other_driver_of_postgresql_is_loaded_besides_ours() -> None:
    names = "import sys, bridge.store.postgres.database; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", names], capture_output=True, text=True, check=True, timeout=60
    )
    dialect = "sqlalchemy.dialects.postgresql."
    loaded = {name.removeprefix(dialect) for name in done.stdout.split() if name.startswith(dialect)}
    assert "psycopg" in loaded
    assert not loaded & {"asyncpg", "pg8000", "psycopg2", "psycopg2cffi"}


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_daemon_at_rest_leaves_the_store_alone(
    tmp_path: Path, request: pytest.FixtureRequest, engine: str
) -> None:
    (tmp_path / "site").mkdir()
    file = tmp_path / "statements"
    (tmp_path / "site" / "sitecustomize.py").write_text(STATEMENTS.format(file=str(file)))
    url = request.getfixturevalue("postgres").make_database() if engine == "postgres" else ""
    config = {name: part for name, part in settings(tmp_path, 0, url).items() if name != "server"}
    daemon = Daemon(tmp_path, config, {"shop.yaml": RULE.format(branch="main")})
    daemon.start(PYTHONPATH=f"{tmp_path}/site")

    def rests() -> bool:
        now = time.monotonic()
        times = [float(line) for line in file.read_text().splitlines()]
        return times[-1] > now - 4 and sum(at > now - 2 for at in times) <= 2 * MOST_STATEMENTS

    eventually(rests)
    assert daemon.stop() == 0


def test_no_pattern_of_a_setting_repeats_a_wide_class_often() -> None:
    """Of `[^,]{1,500}` pydantic keeps a machine of a megabyte; `max_length` takes nothing."""
    patterns = re.findall(r'"pattern": ("(?:[^"\\]|\\.)*")', json.dumps(config_schema()))
    found = [(text, WIDE.search(text)) for text in map(json.loads, patterns)]
    assert found
    assert [text for text, match in found if match and int(match[1]) > 16] == []
