"""What this machine has for the builds of a local builder: for `builders test`."""

import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Final

from bridge.builders.local.limits import Limits, make_fence
from bridge.builders.local.platforms import not_run_here
from bridge.builders.local.programs import DAEMONLESS, address_of
from bridge.builders.local.settings import LocalSettings, Unbuildable, find_engine, missing_tool
from bridge.errors import Permanent, Transient

_SECONDS: Final = 10.0
_SHOWN: Final = 200
_MAX_ANSWER: Final = 64 << 10


def examine(name: str, settings: LocalSettings, folder: Path) -> str:
    """What the builder of that name can use, in words; this blocks.

    Raises Permanent where something is missing, Transient where buildkitd does not answer.
    """
    engine: str | None = None
    if settings.command:
        found = [_program(name, settings.command[0])]
    else:
        try:
            engine = find_engine(settings.engine)
        except Unbuildable as unbuildable:
            raise Permanent(str(unbuildable)) from None
        found = [_engine(engine, settings)]
    if lacks := missing_tool(settings):
        raise Permanent(lacks)
    limits = Limits(**settings.limits.model_dump())
    if limits != Limits():
        fence = make_fence(limits, folder, engine)
        fence.remove()
        found.append(fence.means)
    if engine in DAEMONLESS and (lacks := not_run_here(settings.platforms)):
        found.append(lacks)
    return "; ".join(found)


def _program(name: str, program: str) -> str:
    if "/" in program and not program.startswith("/"):
        return f"{program} will be looked for in each checkout"
    found = shutil.which(program)
    if found is None:
        raise Permanent(f"the program {program} of the builder {name} is not installed")
    return f"{found} can be run"


def _engine(engine: str, settings: LocalSettings) -> str:
    if engine == "buildctl":
        return _buildkitd(settings)
    argv = [engine, "--version"]
    if engine == "docker" and len(settings.platforms) > 1:
        argv = [engine, "buildx", "version"]
    try:
        return _answer(argv)[:_SHOWN]
    except (OSError, subprocess.SubprocessError) as error:
        raise Permanent(f"{shlex.join(argv)} failed: {error}") from None


def _buildkitd(settings: LocalSettings) -> str:
    address = settings.address or "its usual address"
    try:
        # The first line is a heading; then there is one for each worker, with its platforms at the end.
        _, *workers = _answer(
            [*address_of(settings.address, settings.tls_dir), "debug", "workers"]
        ).splitlines()
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip().rpartition("\n")[2][-_SHOWN:]
        raise Transient(f"buildkitd does not answer at {address}: {said}") from None
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Transient(f"buildkitd does not answer at {address}: {error}") from None
    known = {platform for worker in workers for platform in worker.split()[-1].split(",")}
    if lacking := sorted(set(settings.platforms) - known):
        foreign = ", ".join(lacking)
        cure = "register emulators with binfmt_misc on its machine (qemu-user-static)"
        raise Permanent(f"buildkitd at {address} cannot build for {foreign}: {cure}")
    return f"buildkitd answers at {address}, and builds for {', '.join(sorted(known))}"


def _answer(argv: list[str]) -> str:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=True)
    return done.stdout[:_MAX_ANSWER].decode(errors="replace").strip()
