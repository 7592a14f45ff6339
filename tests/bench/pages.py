"""Pages of the API with 1 000 000 builds against 1 000, in one run."""

import argparse
import sys
import time
from pathlib import Path

import anyio
import httpx
from sqlalchemy import text

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import folder_on_disk, median, table
from support.api import api_of
from support.scripted import Store, open_store

FEW = 1_000
TOKEN = "a-token-of-the-benchmark"
MAX_RATIO = 2.0
PAGES = ("", "namespace=acme", "namespace=acme&repo_name=shop", "state=failed", "public")
_COPY = """
INSERT INTO build (id, delivery_id, namespace, repo_name, number, tag_set, builder, ref, is_public, request,
                   origin, subscriptions, state, created_at, next_at, released)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)
SELECT printf('019aa000-0000-7000-8000-%012x', i), i, namespace, repo_name, i + 1, tag_set, builder, ref,
       i % 2, request, origin, subscriptions, 'failed', created_at + i, next_at, 1
FROM n, (SELECT * FROM build LIMIT 1)
"""


async def fill(store: Store, many: int) -> None:
    await store.add_build()
    await store.database.write(lambda connection: connection.execute(text(_COPY), {"many": many}).rowcount)


async def measure(folder: Path, many: int, rounds: int) -> list[float]:
    """Milliseconds (median) of the first page and of the one behind it, for each of `PAGES`."""
    async with open_store(folder) as store:
        await fill(store, many)
        app = api_of(store, tokens=[TOKEN])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return [await timed(client, query, rounds) for query in PAGES]


async def timed(client: httpx.AsyncClient, query: str, rounds: int) -> float:
    headers = {} if query == "public" else {"authorization": TOKEN}
    times = []
    for _ in range(rounds):
        link, begun = f"/v1/builds?{query}", time.perf_counter()
        for _ in range(2):
            answer = await client.get(link, headers=headers)
            link = answer.raise_for_status().json()["data"]["next"]
        times.append((time.perf_counter() - begun) * 1000)
    return median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    options = parser.parse_args()
    with folder_on_disk(options.folder) as folder:
        few = anyio.run(measure, folder / "few", FEW, options.rounds)
        many = anyio.run(measure, folder / "many", options.many, options.rounds)
    ratios = [slow / fast for fast, slow in zip(few, many, strict=True)]
    rows = [
        [query or "all", f"{fast:.1f}", f"{slow:.1f}", f"{ratio:.2f}"]
        for query, fast, slow, ratio in zip(PAGES, few, many, ratios, strict=True)
    ]
    print(table(["two pages of", "few, ms", "many, ms", "ratio"], rows))  # noqa: T201  # its output
    if max(ratios) > MAX_RATIO:
        sys.exit(1)


if __name__ == "__main__":
    main()
