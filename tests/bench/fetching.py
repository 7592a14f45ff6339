"""The second local build of a large repository, with and without the cache of fetched objects."""

import argparse
import os
import sys
import time
from pathlib import Path

import anyio

sys.path.append(str(Path(__file__).parents[1]))  # the tests' own packages, as pytest finds them

from bench.harness import folder_on_disk, table
from support.git import Line, Origin, git, serve_http
from support.local_site import LocalSite, built, pushed, request

from bridge.model.build import BuildRequest, BuildState

PUSHES = 10
FILES = 10
MAX_SHARE = 0.01
MB = 1_000_000


def fill(origin: Origin, size: int) -> None:
    """Push files of so many bytes in all, none of which can be made smaller."""
    for repository in (origin.work, origin.remote):
        git(repository, "config", "pack.window", "0")
    for each in range(PUSHES):
        pushed(origin, {f"large/{each}-{one}": os.urandom(size // PUSHES // FILES) for one in range(FILES)})


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


def measure(folder: Path, size: int) -> dict[str, tuple[int, float]]:
    """Bytes and seconds of each build, by its name."""
    origin, line = Origin(folder / "origin"), Line()
    fill(origin, size)
    seen = {}
    with serve_http(folder / "origin", line=line) as base:
        for name, cache in (("without the cache", None), ("with the cache", "5GiB")):
            site = LocalSite(folder / name)
            for number in ("first", "second"):
                commit = pushed(origin, {"small": f"{name} {number}"})
                wanted = request(origin, commit, repo_url=f"{base}/remote.git", build_id=number)
                seen[f"{name}, the {number} build"] = anyio.run(build, site, line, wanted, cache)
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--size", type=int, default=200, help="of the repository, in MB")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    options = parser.parse_args()
    with folder_on_disk(options.folder) as folder:
        seen = measure(folder, options.size * MB)
    rows = [[name, f"{fetched / MB:.3f}", f"{seconds:.1f}"] for name, (fetched, seconds) in seen.items()]
    print(table([f"a repository of {options.size} MB", "MB fetched", "seconds"], rows))  # noqa: T201  # its output
    cached, whole = seen["with the cache, the second build"], seen["without the cache, the second build"]
    if cached[0] > MAX_SHARE * whole[0] or cached[1] > whole[1]:
        sys.exit(1)


if __name__ == "__main__":
    try:
        main()
    except RuntimeError as error:
        sys.exit(str(error))
