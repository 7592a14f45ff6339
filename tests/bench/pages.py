"""The server's time for each page, with 1 000 000 builds and deliveries against 1 000, and what it weighs."""

import gzip
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import anyio

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import folder_on_disk, table
from bench.lists import FEW, MAX_RATIO, Ask, Side, opened, options_of

MAX_MS: Final = 50.0
MAX_BYTES: Final = 60_000
"""Of a page with all its files, as they are sent."""
_FILES: Final = re.compile(r'"(/static/[^"]+)"')
PATHS: Final = (
    *("/", "/builds", "/builds?state=failed", "/builds?namespace=acme&repo_name=shop"),
    *("/builds?before={middle}", "/builds/{newest}", "/builds/{middle}", "/builds/{logged}"),
    *(
        "/deliveries",
        "/deliveries?state=ignored",
        "/deliveries?source=one",
        "/deliveries?repo=acme/tool",
        "/deliveries?ref=v5&state=dead",
        "/deliveries?sha=deadbee",
        "/deliveries?ref=none",
        "/notices",
        "/notices?state=dead",
    ),
    *("/repositories", "/repositories/acme/shop", "/messages", "/health", "/rules/test"),
    *("/account", "/admin/tokens", "/admin/audit", "/help", "/help/rules"),
)


async def weight_of(path: str, side: Side) -> int:
    """The bytes of a page with its files, compressed as browsers get them."""
    client = side.clients["admin"]
    page = await client.get(path.format(**side.ids))
    parts = [page.content, *[(await client.get(file)).content for file in set(_FILES.findall(page.text))]]
    return sum(len(gzip.compress(part, 5)) for part in parts)


async def measure(folder: Path, many: int, rounds: int) -> tuple[list[Ask], list[int]]:
    asks = [Ask(path) for path in PATHS] + [Ask(path, "public") for path in ("/", "/builds", "/repositories")]
    async with opened(folder / "few", FEW) as few, opened(folder / f"{many}", many) as large:
        for _ in range(rounds):
            for ask in asks:
                await ask.of("few", few)
                await ask.of("many", large)
        return asks, [await weight_of(ask.path, large) for ask in asks]


def main() -> None:
    options = options_of(__doc__)
    with nullcontext(options.kept) if options.kept else folder_on_disk(options.folder) as folder:
        asks, weights = anyio.run(measure, folder, options.many, options.rounds)
    names = ["page", "few, ms", "many, ms", "ratio", "p95, ms", "bytes"]
    print(table(names, [(*ask.row, str(weight)) for ask, weight in zip(asks, weights, strict=True)]))  # noqa: T201  # its output
    slow = any(ask.ratio > MAX_RATIO or ask.p95 > MAX_MS for ask in asks)
    if slow or max(weights) > MAX_BYTES:
        sys.exit(1)


if __name__ == "__main__":
    main()
