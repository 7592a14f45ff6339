"""Memory and processor time at rest, and the time from the start to the first good answer.

Memory also after the very first start. With `--engine postgres` all of it on a PostgreSQL server of its own.
"""

import argparse
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import SECRET, folder_on_disk, free_port, healthy_after, median, running, table
from support.postgres import serve_postgres

MAX_MIB: Final = {"sqlite": 80, "postgres": 85}
MAX_PERCENT: Final = 1
"""Of one core."""
PATTERNS_MIB = 3
"""What patterns of refs may take besides: RE2 is loaded for the first one."""
RULE = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Gitee
  code_repo_namespace: acme
  code_repo_name: shop
  tag_configs:
    - {{code_repo_type: branch, code_repo_type_value: "{branch}", docker_repo_tag: latest}}
"""
MAX_SECONDS = 1.5
_SETTLE_SECONDS = 3
_REST_SECONDS = 20
_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Rest:
    """MiB of resident memory, and the share of a core in percent."""

    memory: float
    percent: float


def settings(folder: Path, port: int, database: str = "") -> dict[str, Any]:
    """A Jenkins, local builds and four channels besides the messages in the app.

    `database` is the URL of a PostgreSQL database, and empty for a file of SQLite in the folder.
    """
    robot = "https://robot.example.com/send"
    return {
        "server": {"port": port},
        "store": {"url": database, "folder": str(folder)}
        if database
        else {"url": f"sqlite://{folder}/bridge.db"},
        "sources": {kind.lower(): {"kind": kind, "secrets": [SECRET]} for kind in ("GitHub", "Gitee")},
        "builders": {
            "jenkins": {"kind": "jenkins", "url": "https://ci.example.com", "job": "docker/build"}
            | {"username": "bridge", "token": "a-token-of-the-benchmark"},
            "here": {"kind": "local", "command": ["true"]},
        },
        "channels": {
            "team": {"kind": "DING_TALK", "url": f"{robot}?access_token=0"},
            "others": {"kind": "DING_TALK", "url": f"{robot}?access_token=0"},
            "ops": {"kind": "WECOM", "url": f"{robot}?key=0"},
            "mail": {"kind": "MAIL", "host": "smtp.example.com", "to": ["team@example.com"]}
            | {"from": "CI <ci@example.com>"},
        },
    }


def seconds_to_start(folder: Path, database: str) -> float:
    begun = time.monotonic()
    port = free_port()
    with running(_command(folder, port, database), port, folder / "log", folder):
        return healthy_after(begun, port)


def at_rest(folder: Path, database: str, branch: str = "main") -> Rest:
    """What it takes once it has been up for a while, and has nothing to do."""
    port = free_port()
    with running(_command(folder, port, database, branch), port, folder / "log", folder) as process:
        healthy_after(time.monotonic(), port)
        time.sleep(_SETTLE_SECONDS)  # rest is what is measured
        before = _processor_seconds(process.pid)
        time.sleep(_REST_SECONDS)
        percent = 100 * (_processor_seconds(process.pid) - before) / _REST_SECONDS
        status = Path(f"/proc/{process.pid}/status").read_text()
        kib = next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1]
        return Rest(int(kib) / 1024, percent)


def _command(folder: Path, port: int, database: str, branch: str = "main") -> list[str]:
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "shop.yaml").write_text(RULE.format(branch=branch))
    (folder / "bridge.yaml").write_bytes(orjson.dumps(settings(folder, port, database)))
    return [sys.executable, "-m", "bridge", "--config", f"{folder}/bridge.yaml", "serve"]


def _processor_seconds(pid: int) -> float:
    """Fields 14 and 15 of proc_pid_stat(5)."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / _TICKS


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    parser.add_argument("--engine", choices=[*MAX_MIB], default="sqlite")
    options = parser.parse_args()
    with folder_on_disk(options.folder) as folder, ExitStack() as servers:
        database = ""
        if options.engine == "postgres":
            database = servers.enter_context(serve_postgres(parent=options.folder)).make_database()
        first = at_rest(folder, database)
        times = [seconds_to_start(folder, database) for _ in range(options.rounds)]
        later, patterns = at_rest(folder, database), at_rest(folder, database, "release/*")
    most = MAX_MIB[options.engine]
    rows = [
        ["start to ready, s (median)", f"{median(times):.2f}", f"{MAX_SECONDS:.2f}"],
        ["memory at rest, MiB", f"{later.memory:.1f}", f"{most:.1f}"],
        ["the same after the very first start", f"{first.memory:.1f}", f"{most:.1f}"],
        ["the same with a pattern of branches", f"{patterns.memory:.1f}", f"{most + PATTERNS_MIB:.1f}"],
        ["a core at rest, %", f"{later.percent:.2f}", f"{MAX_PERCENT:.2f}"],
    ]
    print(table(["", "measured", "at most"], rows))  # noqa: T201  # its output
    memory = max(first.memory, later.memory, patterns.memory - PATTERNS_MIB)
    if median(times) > MAX_SECONDS or memory > most or later.percent > MAX_PERCENT:
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, TimeoutError, subprocess.SubprocessError) as error:
        sys.exit(str(error))
