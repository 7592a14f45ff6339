"""Three nodes on one PostgreSQL database against one, and how they share builds that wait.

The server of the database, the nodes and the load have the same two processors, so that more nodes have no
more of them, and the load has enough connections to keep each node busy. Then 1 000 builds of twelve builders
wait when three nodes begin to work: each has to be triggered once. A triggerer sends fifty builds at once,
and then ten a second.
"""

import argparse
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import orjson

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.deliveries import accepted_by, buildbridge
from bench.harness import Load, folder_on_disk, free_port, load, median, running, table
from support.daemon import SECRET
from support.postgres import Server, serve_postgres
from support.sending import push_body, send

NODES: Final = 3
BUILDERS: Final = 12
BUILDS: Final = 1_000
BOUND_SECONDS: Final = 60.0
_BOTH: Final = "0,1"
_PATIENCE_SECONDS: Final = 180.0
_TRIGGERS: Final = "SELECT count(*) FROM step WHERE what = 'triggering' GROUP BY subject"
_OPEN: Final = "SELECT count(*) FROM build WHERE state IN ('waiting', 'triggering')"


def measure(server: Server, parent: Path, nodes: int, *, run: str, seconds: int, connections: int) -> float:
    """Deliveries a second of so many nodes together. Raises RuntimeError for an answer that is an error."""
    url = server.make_database()
    with ExitStack() as stack:
        ports = []
        for _ in range(nodes):
            folder, port = stack.enter_context(folder_on_disk(parent)), free_port()
            argv = buildbridge(folder, port, url)
            stack.enter_context(running(argv, port, folder / "log", folder, cpus=_BOTH))
            ports.append(port)

        def driven(named: str, seconds: int) -> list[Load]:
            with ThreadPoolExecutor(nodes) as pool:
                each = connections // nodes
                begun = [
                    pool.submit(
                        load, port, "/hooks/github", run=f"{named}-{port}", seconds=seconds, connections=each
                    )
                    for port in ports
                ]
                return [one.result() for one in begun]

        driven(f"{run}-warm", 1)
        measured = driven(run, seconds)
        accepted = sum(accepted_by(port, one) for port, one in zip(ports, measured, strict=True))
        ((rows,),) = server.execute(url.rpartition("/")[2], "SELECT count(*) FROM delivery")
        if rows != accepted:
            raise RuntimeError(f"{accepted} times 202, but {rows} rows")
    return sum(one.rate for one in measured)


def _settings(folder: Path, port: int, store: str) -> list[str]:
    names = [f"b{number}" for number in range(BUILDERS)]
    settings: dict[str, Any] = {
        "server": {"port": port},
        "store": {"url": store, "folder": str(folder)},
        "sources": {"plain": {"kind": "Simple", "secrets": [SECRET]}},
        "builders": {name: {"kind": "dummy", "duration": "1h"} for name in names},
    }
    (folder / "rules").mkdir()
    for name in names:
        tag_config = {"code_repo_type": "branch", "code_repo_type_value": "**", "docker_repo_tag": "{branch}"}
        config = {
            "code_repo_client": "Simple",
            "code_repo_clone_url": f"https://git.example.com/{name}.git",
            "builder": name,
            "tag_configs": [tag_config],
        }
        rule = {"namespace": "acme", "repo_name": name, "build_config": config, "notices": []}
        (folder / "rules" / f"{name}.yaml").write_bytes(orjson.dumps(rule))
    (folder / "bridge.yaml").write_bytes(orjson.dumps(settings))
    return [sys.executable, "-m", "bridge", "--config", f"{folder}/bridge.yaml", "serve"]


@contextmanager
def _nodes(url: str, parent: Path, count: int, *options: str) -> Iterator[list[int]]:
    with ExitStack() as stack:
        folders = [(stack.enter_context(folder_on_disk(parent)), free_port()) for _ in range(count)]
        argv = [(folder, port, _settings(folder, port, url)) for folder, port in folders]
        for folder, port, one in argv:
            stack.enter_context(running([*one, *options], port, folder / "log", folder, cpus=_BOTH))
        yield [port for _, port in folders]


def claims(server: Server, parent: Path) -> tuple[float, Counter[int]]:
    """The seconds until all are triggered, and how many were triggered how often."""
    url = server.make_database()
    database = url.rpartition("/")[2]
    with _nodes(url, parent, 1, "--only", "receive") as (port,):
        for number in range(BUILDS):
            name = f"b{number % BUILDERS}"
            body = push_body(f"https://git.example.com/{name}.git", f"refs/heads/n{number}")
            if send(f"http://127.0.0.1:{port}", body, f"id-{number}").status_code != httpx.codes.ACCEPTED:
                raise RuntimeError("a delivery was not taken")
    begun = time.monotonic()
    with _nodes(url, parent, NODES, "--only", "work"):
        while time.monotonic() - begun < _PATIENCE_SECONDS:
            ((waiting,),) = server.execute(database, _OPEN)
            ((builds,),) = server.execute(database, "SELECT count(*) FROM build")
            if builds == BUILDS and not waiting:
                break
            time.sleep(0.1)  # other processes work on it
        seconds = time.monotonic() - begun
        found = Counter(int(row[0]) for row in server.execute(database, _TRIGGERS))
    return seconds, found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=192)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    options = parser.parse_args()
    with serve_postgres(durable=True, parent=options.folder) as server:
        seconds, times = claims(server, options.folder)
        say = print
        say(f"{BUILDS} builds, {NODES} nodes: the last was triggered after {seconds:.1f} s; {_often(times)}")
        rates: dict[int, list[float]] = {1: [], NODES: []}
        for number in range(options.rounds):
            for nodes, found in rates.items():
                found.append(
                    measure(
                        server,
                        options.folder,
                        nodes,
                        run=f"run{number}",
                        seconds=options.seconds,
                        connections=options.connections,
                    )
                )
                say(f"{nodes} nodes: {found[-1]:,.0f}/s", flush=True)
    ratio = median(rates[NODES]) / median(rates[1])
    rows = [
        [f"{nodes} nodes", f"{median(found):,.0f}", f"{min(found):,.0f}"] for nodes, found in rates.items()
    ]
    say(f"\n{table(['', 'median/s', 'least'], rows)}\nthree : one  {ratio:.2f} (wanted: 1)")
    if times != {1: BUILDS} or seconds > BOUND_SECONDS:
        sys.exit("the builds were not triggered once each, in time")


def _often(times: Counter[int]) -> str:
    counted: Sequence[str] = [f"{count} {often} times" for often, count in sorted(times.items())]
    return ", ".join(counted)


if __name__ == "__main__":
    main()
