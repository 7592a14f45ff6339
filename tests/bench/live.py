"""From the end of a build to its state on open pages, in a browser, while many other streams are open.

A real daemon serves them. A build is short: pages that were just renewed have to be renewed again at once.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

import anyio
import httpx
from bench.harness import folder_on_disk, table
from playwright.async_api import Page
from support.browser import chromium, reading
from support.daemon import DUMMY, TOKEN, Daemon, running
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

from bridge.store.open import open_store

URL: Final = "https://git.example.com/acme/shop.git"
TRUSTED: Final = {"authorization": f"Bearer {TOKEN}"}
STREAMS: Final = 199
"""Readers whose pages ask for nothing: those of other builds."""
MAX_SECONDS: Final = 1.0
PATHS: Final = ("/", "/builds", "/builds/{build}")
_SHOWN: Final = """
(id) => {
    const ended = document.querySelector(`:is(#build-${id}, #verdict) .state-succeeded`);
    return ended ? Date.now() / 1000 : 0;
}
"""


async def other(client: httpx.AsyncClient) -> None:
    """A stream that is read as long as it is open."""
    async with client.stream("GET", "/v1/events") as answer:
        async for _ in answer.aiter_bytes():
            pass


def push(daemon: Daemon, number: int) -> str:
    """The id of the build of a push, which has begun."""
    sha = f"{number:040x}"
    send(daemon.url, push_body(URL, sha=sha), f"push-{number}").raise_for_status()
    found = eventually(lambda: [one for one in daemon.builds() if one["code_head_commit"] == sha])
    return str(found[0]["build_id"])


async def ended_at(daemon: Daemon, build_id: str) -> float:
    """When the end was written down, in Unix seconds."""
    async with open_store(f"sqlite://{daemon.database}", exclusive=False) as store:
        rows = await store.feed.after(0, 10_000)
    (end,) = [row.at for row in rows if (row.subject, row.what) == (build_id, "succeeded")]
    return end


async def measured(options: argparse.Namespace, daemon: Daemon) -> dict[str, list[float]]:
    """Seconds from the end to the page, by the path of the page."""
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    limits = httpx.Limits(max_connections=STREAMS + 10)
    async with (
        httpx.AsyncClient(base_url=daemon.url, headers=TRUSTED, limits=limits, timeout=60) as client,
        chromium() as browser,
        AsyncExitStack() as windows,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(STREAMS):
            tasks.start_soon(other, client)
        opened = {
            path: (
                await windows.enter_async_context(reading(browser, daemon.url, extra_http_headers=TRUSTED))
            )[0]
            for path in PATHS
        }
        for number in range(1, options.rounds + 1):
            build_id = await anyio.to_thread.run_sync(push, daemon, number)
            shown: dict[str, float] = {}

            async def follow(
                path: str, page: Page, build_id: str = build_id, shown: dict[str, float] = shown
            ) -> None:
                await page.goto(path.format(build=build_id))
                shown[path] = await (await page.wait_for_function(_SHOWN, arg=build_id)).json_value()

            async with anyio.create_task_group() as pages:
                for path, page in opened.items():
                    pages.start_soon(follow, path, page)
            end = await ended_at(daemon, build_id)
            for path, at in shown.items():
                seconds[path].append(at - end)
        tasks.cancel_scope.cancel()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    config: dict[str, Any] = {**DUMMY, "builders": {"here": {"kind": "dummy", "duration": "1500ms"}}}
    with (
        folder_on_disk(options.folder) as folder,
        running(folder, config, {"shop.yaml": shop_rule(URL)}) as daemon,
    ):
        found = anyio.run(measured, options, daemon)
    rows = [
        [path, f"{statistics.median(all_of):.2f} s", f"{max(all_of):.2f} s"] for path, all_of in found.items()
    ]
    print(table(["the end of a build on", "median", "longest"], rows))  # noqa: T201  # its output
    if any(max(all_of) > MAX_SECONDS for all_of in found.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
