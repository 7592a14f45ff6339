"""Random kills of the daemon and its runners under load, with accidents of the store's file among them.

After each one the next start must find a row for every 202, and the log of the killed one must have its line.
`KILLS` and `KILLS_SEED` make a longer run, and another one.
"""

import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from support.daemon import NO_TLS, SECRET, Daemon
from support.engines import execute, postgres
from support.git import Origin
from support.rules import shop_rule
from support.sending import push_body, signed
from support.waiting import eventually

KILLS = int(os.environ.get("KILLS", "6"))
SEED = int(os.environ.get("KILLS_SEED", "0"))
SENDERS = 4
BUILT_EVERY = 25
"""One of so many deliveries is built."""


@dataclass
class Answers:
    """The ids that were answered with 202, by when their requests began, of the monotonic clock."""

    begun: dict[str, float] = field(default_factory=dict)

    def after(self, moment: float) -> set[str]:
        return {delivery_id for delivery_id, begun in self.begun.items() if begun > moment}


class Sender:
    """Sends deliveries as fast as they are answered; every one is another push."""

    def __init__(self, daemon: Daemon, origin: Origin, sha: str) -> None:
        self._daemon, self._url, self._sha = daemon, origin.url, sha
        self._numbers = itertools.count()

    @contextmanager
    def load(self) -> Iterator[Answers]:
        """Load from several threads until the daemon is gone or the block ends."""
        answers, stop = Answers(), threading.Event()
        threads = [threading.Thread(target=self._send, args=[answers, stop]) for _ in range(SENDERS)]
        for thread in threads:
            thread.start()
        try:
            yield answers
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)

    def _send(self, answers: Answers, stop: threading.Event) -> None:
        with httpx.Client(timeout=20, verify=NO_TLS) as client, contextlib.suppress(httpx.TransportError):
            while not stop.is_set():
                number = next(self._numbers)
                branch = f"{'seen' if number % BUILT_EVERY else 'built'}-{number}"
                body = push_body(self._url, f"refs/heads/{branch}", self._sha)
                begun = time.monotonic()
                headers = signed(body, f"push-{number}")
                answer = client.post(f"{self._daemon.url}/hooks/plain", content=body, headers=headers)
                if answer.status_code == 202:
                    answers.begun[answer.json()["id"]] = begun


def kill(daemon: Daemon) -> bool:
    daemon.kill()
    return True


def kill_runners_too(daemon: Daemon) -> bool:
    """First those who build, which a daemon must survive, then the daemon."""
    for runner in runners(daemon.folder):
        with contextlib.suppress(ProcessLookupError):
            os.kill(runner, signal.SIGKILL)
    daemon.kill()
    return True


def swap(daemon: Daemon) -> bool:
    """An old copy takes the file's place; once the daemon has ended, the file is put back."""
    aside = daemon.database.with_name("aside.db")
    shutil.copy(daemon.database, aside.with_name("copy.db"))
    daemon.database.rename(aside)
    aside.with_name("copy.db").rename(daemon.database)
    ended_with(daemon, 3)
    aside.rename(daemon.database)
    return True


def delete(daemon: Daemon) -> bool:
    """The file is deleted; a backup by hard link is put into its place."""
    backup = daemon.database.with_name("backup.db")
    os.link(daemon.database, backup)
    daemon.database.unlink()
    ended_with(daemon, 3)
    backup.rename(daemon.database)
    return True


def cut_log_off(daemon: Daemon) -> bool:
    """What only the log had is lost with it; a request that begins after it gets a 202 only if it is kept."""
    log = daemon.database.with_name(f"{daemon.database.name}-wal")
    os.truncate(log, log.stat().st_size // 2)
    assert daemon.process is not None
    # Where the log had just begun anew nothing of it was cut, and the daemon goes on rightly.
    with contextlib.suppress(subprocess.TimeoutExpired):
        ended_with(daemon, 3, seconds=1)
    daemon.kill()
    return False


ACCIDENTS: list[Callable[[Daemon], bool]] = (
    [kill, kill_runners_too] if postgres() else [kill, kill_runners_too, swap, kill, delete, cut_log_off]
)
"""What befalls the daemon, or the file of its store.

Each returns whether it left everything that was answered before it.
"""


def ended_with(daemon: Daemon, status: int, seconds: float = 20) -> None:
    """Raises subprocess.TimeoutExpired when the daemon goes on."""
    assert daemon.process is not None
    assert daemon.process.wait(seconds) == status, daemon.output()[-2000:]


def runners(folder: Path) -> list[int]:
    """The processes that build in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            line = process.read_bytes()
            if b"local.runner" in line and str(folder).encode() in line:
                found.append(int(process.parent.name))
    return found


def start_again(daemon: Daemon, *, is_whole: bool) -> None:
    """A file into which the log was just copied when that was cut off is no database any more: begin anew."""
    try:
        daemon.start()
    except AssertionError as error:
        if is_whole or "malformed" not in str(error):
            raise
        for file in daemon.database.parent.glob(f"{daemon.database.name}*"):
            file.unlink()
        daemon.start()


def stored(daemon: Daemon) -> set[str]:
    return {row[0] for row in execute(daemon.database, "SELECT id FROM delivery")}


def logged(daemon: Daemon) -> set[str]:
    return {line["delivery_id"] for line in daemon.lines() if line["event"] == "delivery.stored"}


def test_no_answer_is_without_its_row_and_its_line_whatever_happens(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    builder = {"kind": "local", "protocols": ["file"], "command": ["sleep", "0.3"], "workers": 4}
    config = {"sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}}, "builders": {"here": builder}}
    daemon = Daemon(tmp_path, config, {})
    origin = Origin(tmp_path / "git")
    (tmp_path / "rules" / "shop.yaml").write_text(shop_rule(origin.url, "built-*", tag="{branch}"))
    sha = origin.commit({"hello.txt": "hello\n"})
    origin.push()
    sender = Sender(daemon, origin, sha)
    kept: set[str] = set()
    daemon.start()
    try:
        for number in range(KILLS):
            accident = ACCIDENTS[number] if number < len(ACCIDENTS) else chance.choice(ACCIDENTS)
            with sender.load() as answers:
                time.sleep(chance.uniform(0.05, 0.8))  # the moment is what is random
                moment = time.monotonic()
                is_whole = accident(daemon)
            assert set(answers.begun) <= logged(daemon), "each answer has its line"
            wanted = kept | set(answers.begun) if is_whole else answers.after(moment)
            start_again(daemon, is_whole=is_whole)
            found = stored(daemon)
            assert wanted <= found, f"{accident.__name__} ({number}): each answer has its row"
            kept = found
        eventually(lambda: not daemon.builds(status="W") + daemon.builds(status="I"), seconds=60)
        assert daemon.stop() == 0
        if not postgres():
            assert execute(daemon.database, "PRAGMA integrity_check") == [("ok",)]
        twice = execute(daemon.database, "SELECT ref FROM build GROUP BY ref HAVING count(*) > 1")
        ends = set(execute(daemon.database, "SELECT state, detail != '' FROM build"))
    finally:
        daemon.kill()
    assert not twice, "no push is built twice"
    assert ends <= {("succeeded", 0), ("unknown", 1)}, "what a kill or an accident left open says why"
