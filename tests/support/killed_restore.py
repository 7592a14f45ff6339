"""Restores a backup again and again, each time killed one line later, until it is done.

After each kill the store must be, row by row, the one before or the one that is restored. It prints how many
kills there were, and how many of them left each of the two. Of a store that was `moved` away only the log is
left, and it is killed at each line that puts the new one there.
"""

import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from types import FrameType
from typing import Any

from bridge.store.sqlite import backup, migrate, restore

NOW = 1_700_000_000.0
MOVED = sys.argv[2] == "moved"
REPLACING = {"_replace", "_set_log_aside"}
FILES = {backup.__file__, restore.__file__}


def work(folder: Path) -> None:
    restore.restore(
        folder / "kept.db", folder / "bridge.db", resume=False, now=NOW, progress=lambda _done, _total: None
    )


def mark(path: Path, text: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO step (subject, at, what) VALUES (?, 1, 'here')", (text,))


def whose(path: Path) -> str:
    """Whose row is in the store, as a daemon opens it; fails unless it is whole."""
    if MOVED and not path.stat().st_size:
        return "old"
    migrate.check(path)
    with closing(sqlite3.connect(path)) as connection:
        (sound,) = connection.execute("PRAGMA integrity_check").fetchone()
        rows = connection.execute("SELECT subject FROM step").fetchall()
    assert sound == "ok"
    ((text,),) = rows
    return str(text)


def killed_after(lines: int, folder: Path) -> bool:
    """Whether a restore was killed after so many lines, or was done before."""
    child = os.fork()
    if not child:
        left = lines

        def trace(frame: FrameType, event: str, _argument: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename not in FILES or (MOVED and frame.f_code.co_name not in REPLACING):
                return None
            if event == "line":
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        work(folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def leave_only_the_log(store: Path) -> None:
    log = Path(f"{store}-wal")
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("UPDATE step SET subject = 'log'")
        written = log.read_bytes()
    store.unlink()
    log.write_bytes(written)


def main(folder: Path) -> None:
    original = folder / "original"
    original.mkdir()
    store = original / "bridge.db"
    migrate.upgrade(store)
    mark(store, "new")
    backup.back_up(
        store, original / "kept.db", api_key=None, release="1", now=NOW, progress=lambda _done, _total: None
    )
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("UPDATE step SET subject = 'old'")
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
    if MOVED:
        leave_only_the_log(store)
    found = {"old": 0, "new": 0}
    lines = 1
    while True:
        tried = folder / "tried"
        shutil.rmtree(tried, ignore_errors=True)
        shutil.copytree(original, tried)
        if not killed_after(lines, tried):
            break
        found[whose(tried / "bridge.db")] += 1
        lines += 1
    assert whose(tried / "bridge.db") == "new"
    sys.stdout.write(f"{lines - 1} {found['old']} {found['new']}\n")


main(Path(sys.argv[1]))
