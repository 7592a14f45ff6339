"""What the steps of a local build may take of the machine: memory, processors and processes.

With chroot isolation the RUN steps of an image build are in the control group of what started it, so a group
around each step limits them and a command alike. A scope of systemd is such a group where a manager lets this
user have one; else a folder of the group's file system, where a part of it was delegated to this user.
Whether the limits are really set is read back, since managers accept what they cannot do.

Source: "Control Group v2", https://docs.kernel.org/admin-guide/cgroup-v2.html, "systemd-run(1)",
https://www.freedesktop.org/software/systemd/man/latest/systemd-run.html, and "Control Group APIs and
Delegation", https://systemd.io/CGROUP_DELEGATION/
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

GROUPS: Final = Path("/sys/fs/cgroup")
_OWN: Final = Path("/proc/self/cgroup")
_PROBE_SECONDS: Final = 10
_PERIOD: Final = 100_000
"""Microseconds in which a step may use its share of the processors."""
_SHOW: Final = """cd "$0$(sed -n 's/^0:://p' /proc/self/cgroup)" && cat "$@" """
_CURE: Final = "run the daemon as root under systemd, or let its unit have `Delegate` and `DelegateSubgroup`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`memory` in bytes, `cpus` in processors, `pids` processes and threads; None is no limit."""

    memory: int | None = None
    cpus: float | None = None
    pids: int | None = None

    def files(self) -> Mapping[str, str]:
        """What the files of a control group are to hold."""
        quota = f"{self.cpus * _PERIOD:.0f} {_PERIOD}" if self.cpus else None
        wanted = {"memory.max": self.memory, "cpu.max": quota, "pids.max": self.pids}
        return {name: str(value) for name, value in wanted.items() if value is not None}

    def properties(self) -> list[str]:
        """The same for systemd."""
        share = f"{self.cpus * 100:.0f}%" if self.cpus else None
        no_swap = 0 if self.memory else None
        wanted = {
            "MemoryMax": self.memory,
            "MemorySwapMax": no_swap,
            "CPUQuota": share,
            "TasksMax": self.pids,
        }
        return [f"--property={name}={value}" for name, value in wanted.items() if value is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """How steps are started within limits: by `prefix` before the command, or in the control group `folder`.

    With neither nothing limits them, and `missing` says so in words.
    """

    prefix: Sequence[str] = ()
    folder: Path | None = None
    environment: Mapping[str, str]
    missing: str = ""

    def enter(self) -> None:
        """Put this process into the control group. Raises OSError."""
        if self.folder:
            (self.folder / "cgroup.procs").write_text("0")

    def remove(self) -> None:
        """Remove the control group, in which no process is left; one that is used stays."""
        if self.folder:
            with contextlib.suppress(OSError):
                self.folder.rmdir()

    @property
    def means(self) -> str:
        """For people, what it is."""
        how = "a scope of systemd" if self.prefix else f"the control group {self.folder}"
        return self.missing or f"`limits` hold by {how}"


NO_FENCE: Final = Fence(environment={})


def make_fence(limits: Limits, build: Path, engine: str | None, groups: Path = GROUPS) -> Fence:
    """The fence of the build in this folder."""
    if limits == Limits():
        return NO_FENCE
    if engine in {"docker", "buildctl"}:
        return _missing(f"the steps run in the daemon of {engine}: limit that one")
    scope = _scope(limits, groups)
    if scope:
        return scope
    if not (groups / "cgroup.controllers").exists():
        return _missing("this machine has no control groups of version 2")
    folder = _folder(limits, hashlib.sha256(str(build).encode()).hexdigest()[:16], groups)
    return Fence(folder=folder, environment={}) if folder else _missing(_CURE)


def _missing(why: str) -> Fence:
    return Fence(environment={}, missing=f"`limits` have no effect ({why})")


def _scope(limits: Limits, groups: Path) -> Fence | None:
    """A scope of systemd for each step; None where no manager gives this user one with these limits."""
    program = shutil.which("systemd-run")
    if program is None:
        return None
    environment: dict[str, str] = {}
    own: tuple[str, ...] = ()
    inner: tuple[str, ...] = ()
    if os.geteuid():
        # What finds this user's manager is not for the step.
        own, inner = ("--user",), ("/usr/bin/env", "-u", "XDG_RUNTIME_DIR")
        environment = {"XDG_RUNTIME_DIR": f"/run/user/{os.geteuid()}"}
    options = ("--scope", "--quiet", "--collect", "--no-ask-password", *limits.properties())
    fence = Fence(prefix=(program, *own, *options, "--", *inner), environment=environment)
    return fence if _holds(fence, limits, groups) else None


def _holds(fence: Fence, limits: Limits, groups: Path) -> bool:
    try:
        shown = subprocess.run(
            [*fence.prefix, "sh", "-c", _SHOW, str(groups), *limits.files()],
            env={"PATH": os.environ.get("PATH", os.defpath), **fence.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return shown.returncode == 0 and b"max" not in shown.stdout.split()


def _folder(limits: Limits, name: str, groups: Path) -> Path | None:
    """A control group beside or below that of this process; None where it cannot be made or limited."""
    own = next((line[3:] for line in _OWN.read_text().splitlines() if line.startswith("0::")), "/")
    home = groups / own.strip("/")
    for parent in (home.parent, home) if home != groups else (home,):
        folder = parent / f"buildbridge-{name}"
        try:
            _enable(parent, {file.partition(".")[0] for file in limits.files()})
            folder.mkdir(exist_ok=True)
            for file, value in limits.files().items():
                (folder / file).write_text(value)
            if limits.memory and (folder / "memory.swap.max").exists():
                (folder / "memory.swap.max").write_text("0")
        except OSError:
            Fence(folder=folder, environment={}).remove()
            continue
        return folder
    return None


def _enable(parent: Path, controllers: set[str]) -> None:
    control = parent / "cgroup.subtree_control"
    if lacking := controllers - set(control.read_text().split()):
        control.write_text(" ".join(f"+{name}" for name in sorted(lacking)))
