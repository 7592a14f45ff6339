"""The second local build of a large repository, with and without the cache of fetched objects."""

import argparse
import os
import sys
import time
from pathlib import Path

import anyio

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import folder_on_disk, table
from support.git import Line, Origin, serve_http
from support.local_site import LocalSite, built, pushed, request

from bridge.model.build import BuildRequest, BuildState

PARTS = 10
FILES = 10
MAX_SHARE = 0.01
MB = 1_000_000


async def build(site: LocalSite, line: Line, wanted: BuildRequest, cache: str | None) -> tuple[int, float]:
    """Bytes that a build fetches, and its seconds."""
    builder = site.builder("true", protocols=["http"], cache=cache)
    before, begun = line.bytes, time.perf_counter()
    now = await built(builder, wanted)
    if now.state is not BuildState.SUCCEEDED:
        raise RuntimeError(f"{now.detail}: {site.text(wanted.build_id)}")
    took = line.bytes - before, time.perf_counter() - begun
    await builder.release(wanted.build_id)
    return took


def fill(origin: Origin, size: int) -> None:
    """Push files of so many bytes in all, none of which can be made smaller."""
    pushed(origin, {".gitattributes": "large/* -delta\n"})
    for part in range(PARTS):
        fill(origin, options.size * MB)
        rows, seen = [], {}
        with serve_http(folder / "origin", line=line) as base:
            for name, cache in (("without", None), ("with", "5GiB")):
                site = LocalSite(folder / name)
                for number in ("first", "second"):
                    commit = pushed(origin, {"small": f"{name} {number}"})
                    wanted = request(origin, commit, repo_url=f"{base}/remote.git", build_id=number)
                    took = anyio.run(build, site, line, wanted, cache)
                    seen[name, number] = took
                    rows.append(
                        [f"{name} the cache, the {number} build", f"{took[0] / MB:.3f}", f"{took[1]:.1f}"]
                    )
    print(table([f"a repository of {options.size} MB", "MB fetched", "seconds"], rows))  # noqa: T201  # its output
    fetched, without = seen["with", "second"], seen["without", "second"]
    if fetched[0] > MAX_SHARE * without[0] or fetched[1] > without[1]:
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
