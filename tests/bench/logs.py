"""The page of a failed build whose log has 100 000 lines, in a browser, and a search over all of it.

A real daemon serves it; the browser is Chromium, on a desk and with a phone's window and a processor that is
four times slower.
"""

import argparse
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

import anyio
from bench.harness import folder_on_disk, table
from playwright.async_api import Page
from support.browser import PHONE, chromium, reading
from support.daemon import DUMMY, Daemon, running
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

from bridge.store.open import open_store

URL: Final = "https://git.example.com/acme/shop.git"
LINES: Final = 100_000
ERROR: Final = 60_000
PAINT_SECONDS: Final = 1.0
SEARCH_SECONDS: Final = 0.3
_PAINTED: Final = """
() => performance.getEntriesByName("first-contentful-paint").map(one => one.startTime / 1000)[0]
"""
_WEIGHT: Final = """
() => performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource"))
    .reduce((sum, one) => sum + one.transferSize, 0)
"""


def text() -> str:
    """Lines with colours, about 80 bytes each; an error long before the end, in the stage that fails."""
    lines = [f"\x1b[32m{number:06}\x1b[0m step {number % 97} {'.' * 45}" for number in range(1, LINES + 1)]
    lines[0], lines[ERROR], lines[ERROR + 40] = "== make ==", "error: it broke", "== clean =="
    return "\n".join(lines) + "\n"


async def failed(daemon: Daemon) -> str:
    """The id of a failed build with such a log."""
    await anyio.to_thread.run_sync(lambda: send(daemon.url, push_body(URL), "push").raise_for_status())
    look = partial(eventually, lambda: daemon.builds(state="failed"))
    build_id = str((await anyio.to_thread.run_sync(look))[0]["build_id"])
    async with open_store(f"sqlite://{daemon.database}", exclusive=False) as store:
        whole = text()
        for at in range(0, len(whole), 1 << 18):
            part = whole[at : at + (1 << 18)]
            await store.builds.append_log(build_id, part, 10**9 + at, restarted=False)
        await store.builds.update(build_id, stage="make")
    return build_id


async def painted(page: Page, path: str) -> tuple[float, int]:
    """Seconds to the first paint of a page, and its bytes with its files, as they are sent."""
    await page.goto(path)
    seconds = await (await page.wait_for_function(_PAINTED)).json_value()
    return seconds, await page.evaluate(_WEIGHT)


async def measured(options: argparse.Namespace, daemon: Daemon) -> list[list[str]]:
    build_id = await failed(daemon)
    rows, wrong = [], 0
    async with chromium() as browser:
        async with reading(browser, daemon.url) as (page, _):
            await page.goto("/")  # the daemon makes its pages ready when one is first asked for
            seconds, weight = await painted(page, f"/builds/{build_id}")
            wrong += seconds > PAINT_SECONDS
            rows.append(["a failed build, its first reader", f"{seconds:.3f} s", f"{weight / 1000:.0f} kB"])
        for name, rate in (("on a desk", 1), ("on a phone", 4)):
            async with reading(browser, daemon.url) as (page, _):
                if rate > 1:
                    await page.set_viewport_size(PHONE)
                    session = await page.context.new_cdp_session(page)
                    await session.send("Emulation.setCPUThrottlingRate", {"rate": rate})
                for what, path in (
                    ("a failed build", f"/builds/{build_id}"),
                    ("lines in the middle", f"/builds/{build_id}?lines=50000"),
                    ("the result of a search", f"/builds/{build_id}?q=step+96"),
                ):
                    found = [await painted(page, path) for _ in range(options.rounds)]
                    seconds = statistics.median(one for one, _ in found)
                    wrong += seconds > PAINT_SECONDS
                    weight = max(one for _, one in found)
                    rows.append([f"{what}, {name}", f"{seconds:.3f} s", f"{weight / 1000:.0f} kB"])
    for text_sought in ("step 96 ", "of no line"):
        found_in = [await searched(daemon, build_id, text_sought) for _ in range(options.rounds)]
        wrong += statistics.median(found_in) > SEARCH_SECONDS
        rows.append([f"search for {text_sought!r}", f"{statistics.median(found_in):.3f} s", ""])
    options.wrong = wrong
    return rows


async def searched(daemon: Daemon, build_id: str, sought: str) -> float:
    async with open_store(f"sqlite://{daemon.database}", exclusive=False) as store:
        begun = time.monotonic()
        await store.logs.search(build_id, sought)
        return time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    config: dict[str, Any] = {**DUMMY}
    parameters = '{DUMMY_RESULT: failed, DUMMY_DURATION: "0s"}'
    rules = {"shop.yaml": shop_rule(URL, public=True, parameters=parameters)}
    with folder_on_disk(options.folder) as folder, running(folder, config, rules) as daemon:
        rows = anyio.run(measured, options, daemon)
    print(table(["a log of 100 000 lines", "median", "sent"], rows))  # noqa: T201  # its output
    if options.wrong:
        sys.exit(1)


if __name__ == "__main__":
    main()
