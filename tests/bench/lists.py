"""Lists, a single build and parts of a log, of all dialects, with 1 000 000 builds against 1 000."""

import argparse
import statistics
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import httpx

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import folder_on_disk, median, table
from support.api import api_of, bearer, client_of, issue
from support.codearts import BUILD_PROJECT, JOB, rule_files
from support.filled import TEAMS, add_long_log, fill, fill_lists
from support.keeping import keeper_of
from support.scripted import Store, open_store

from bridge.model.access import IssuedToken, Role
from bridge.store.values import Cursor

FEW: Final = 1_000
TOKEN: Final = "a-token-of-the-benchmark"
MAX_RATIO: Final = 2.0
MAX_MS: Final = 20.0
DAYS: Final = "start_time=2023-10-17&end_time=2023-11-15"
FAILED: Final = "buildJobFail"
MOMENTS: Final = "2023-10-17"
PIECES: Final = 1_600
"""Of a log that is just below the limit."""


@dataclass(frozen=True)
class Side:
    """One of the two stores: a client of each kind of caller, and ids of builds."""

    clients: Mapping[str, httpx.AsyncClient]
    ids: Mapping[str, str]


@dataclass(frozen=True)
class Ask:
    """A call; `{newest}`, `{middle}` and `{logged}` in the path are ids of builds."""

    path: str
    caller: str = "admin"
    body: Sequence[str] | None = None
    times: dict[str, list[float]] = field(default_factory=lambda: {"few": [], "many": []})

    async def of(self, size: str, side: Side) -> None:
        path, client = self.path.format(**side.ids), side.clients[self.caller]
        begun = time.perf_counter()
        answer = await (client.get(path) if self.body is None else client.post(path, json=self.body))
        self.times[size].append((time.perf_counter() - begun) * 1000)
        answer.raise_for_status()

    @property
    def ratio(self) -> float:
        return median(self.times["many"]) / median(self.times["few"])

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.times["many"], n=20)[-1]

    @property
    def row(self) -> Sequence[str]:
        name = self.path if self.caller == "admin" else f"{self.path} ({self.caller})"
        few, many = (median(self.times[size]) for size in ("few", "many"))
        return (
            name.replace(JOB, "{job_id}").replace(BUILD_PROJECT, "{build_project_id}"),
            f"{few:.1f}",
            f"{many:.1f}",
            f"{self.ratio:.2f}",
            f"{self.p95:.1f}",
        )


def asked() -> list[Ask]:
    filters = ["", "namespace=acme", "namespace=acme&repo_name=shop", "repo_name=shop", "repo_name=none"]
    filters += ["state=failed", "state=unknown", "status=F", "status=I", "namespace=acme&state=running"]
    filters += ["namespace=acme&repo_name=shop&status=F", "namespace=acme&repo_name=shop&state=unknown"]
    filters += ["namespace=acme&repo_name=shop&build_id=7", "before={middle}", "after={middle}", "page=50"]
    own = [Ask(f"/v1/builds?{only}") for only in filters]
    own += [
        Ask(f"/v1/builds?{only}", caller)
        for caller in ("public", "teams", "team")
        for only in ("", "status=F", "status=W", "namespace=acme", "namespace=acme&status=F")
    ]
    own += [Ask("/v1/builds/{newest}"), Ask("/v1/builds/{logged}/logs?after=1500")]
    own += [Ask("/v1/builds/{logged}/logs?start_time=1700001590")]
    lists = ["deliveries?state=dead", "deliveries?source=one&state=dead", "notices?channel=mail&state=dead"]
    lists += [
        f"deliveries?{only}" for only in ("repo=acme/tool", "ref=main", "sha=deadbee", "repo=none&ref=main")
    ]
    lists += [
        f"{name}?namespace=acme&repo_name=shop{rest}"
        for name, rest in (("deliveries", ""), ("notices", "&channel=mail"), ("messages", f"&event={FAILED}"))
    ]
    own += [Ask(f"/v1/{path}") for path in lists]
    own += [
        Ask(f"/v1/{path}", caller)
        for caller in ("teams", "team")
        for path in ("deliveries", "notices?channel=mail", "messages")
    ]
    alauda = [Ask("/alauda/v1/builds"), Ask("/alauda/v1/builds?namespace=acme&repo_name=shop")]
    alauda += [Ask("/alauda/v1/builds/{newest}"), Ask("/alauda/v1/builds/{newest}/logs")]
    repo = "/api/repos/acme/shop"
    drone = [Ask("/api/builds"), Ask(f"{repo}/builds"), Ask(f"{repo}/builds/latest"), Ask(f"{repo}/builds/7")]
    drone += [Ask(f"{repo}/logs/7/1"), Ask(f"{repo}/builds?page=20")]
    log = f"/v3/jobs/{JOB}/1/real-time-log?length=65536&offset="
    records, span = f"/v1/record/{BUILD_PROJECT}", f"from_date={MOMENTS}"
    codearts = [
        Ask("/v1/domain/job-summary"),
        Ask("/v1/job/list"),
        Ask(f"/v1/job/{JOB}/info"),
        Ask(f"/v3/jobs/{JOB}/status"),
        Ask(f"/v1/job/{JOB}/running-status"),
        Ask(f"/v3/jobs/{JOB}/history?interval=29&limit=20"),
        Ask(f"/v3/jobs/{JOB}/history?interval=29&limit=20", "outsider"),
        Ask(f"/v3/jobs/{JOB}/period-history?{DAYS}&limit=20"),
        Ask(f"/v3/jobs/{JOB}/success-ratio?{DAYS}"),
        Ask(f"/v3/jobs/{JOB}/success-ratio?{DAYS}", "outsider"),
        Ask(f"/v3/jobs/{JOB}/build-info-records?{DAYS}&page_size=20"),
        Ask(f"{records}/records?{span}&limit=20"),
        Ask(f"{records}/records?{span}&limit=20&branches=other"),
        Ask(f"{records}/records?{span}&limit=20&triggers=MANUAL"),
        Ask(f"{records}/records?{span}&limit=20&branches=none"),
        Ask(f"{records}/statistics?{span}"),
        Ask("/v1/record/brief", body=[BUILD_PROJECT]),
        Ask(f"/v4/jobs/{JOB}/7/record-info"),
        Ask("/v1/record/{newest}/info"),
        *(Ask(f"{log}{offset}") for offset in (0, 3_900_000, 7_800_000)),
    ]
    return [*own, *alauda, *drone, *codearts]


@asynccontextmanager
async def opened(folder: Path, many: int) -> AsyncIterator[Side]:
    """A store with so many builds, in a folder which may have it already, and clients of its API."""
    begun = time.monotonic()
    async with open_store(folder) as store, AsyncExitStack() as stack:
        if not (await store.builds.page(Cursor(), 1)).count:
            await add_long_log(store, await fill(store, many), PIECES)
            await fill_lists(store)
        print(f"{many} builds: {time.monotonic() - begun:.0f} s")  # noqa: T201  # its output
        teams = [f"team-{number:03}" for number in range(TEAMS)]
        headers = {
            "admin": {"authorization": TOKEN},
            "public": {},
            "teams": bearer(await issue_of(store, *teams)),
            "team": bearer(await issue_of(store, teams[0])),
            "outsider": bearer(await issue_of(store, "globex")),
        }
        app = api_of(store, tokens=[TOKEN], keeper=await keeper_of(store, rule_files(store)))
        clients = {}
        for caller, header in headers.items():
            clients[caller] = await stack.enter_async_context(client_of(app))
            clients[caller].headers.update(header)
        yield Side(clients, await ids_of(store, many))


async def issue_of(store: Store, *namespaces: str) -> IssuedToken:
    return await issue(store, Role.VIEWER, *namespaces)


async def ids_of(store: Store, many: int) -> dict[str, str]:
    found = [await store.builds.by_number("acme", "shop", number) for number in (1, many // 2 + 3)]
    logged, middle = (build.id for build in found if build is not None)
    newest = await store.builds.page(Cursor(), 1)
    return {"logged": logged, "middle": middle, "newest": newest.rows[0].id}


async def measure(folder: Path, many: int, rounds: int) -> list[Ask]:
    asks = asked()
    async with opened(folder / "few", FEW) as few, opened(folder / f"{many}", many) as large:
        for _ in range(rounds):
            for ask in asks:
                await ask.of("few", few)
                await ask.of("many", large)
    return asks


def options_of(description: str | None) -> argparse.Namespace:
    """What the command line says about the two stores and the rounds."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    parser.add_argument("--kept", type=Path, help="a folder in which the filled stores stay, for other runs")
    return parser.parse_args()


def main() -> None:
    options = options_of(__doc__)
    with nullcontext(options.kept) if options.kept else folder_on_disk(options.folder) as folder:
        asks = anyio.run(measure, folder, options.many, options.rounds)
    names = ["call", "few, ms", "many, ms", "ratio", "p95, ms"]
    print(table(names, [ask.row for ask in asks]))  # noqa: T201  # its output
    if any(ask.ratio > MAX_RATIO or ask.p95 > MAX_MS for ask in asks):
        sys.exit(1)


if __name__ == "__main__":
    main()
