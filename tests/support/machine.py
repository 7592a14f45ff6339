"""A machine of its own: this one's files under a layer that takes all changes, and a systemd as process 1.

Nothing that happens in it is seen outside but its ports: files, processes, mounts and host name are its own.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from support.needs import lacks, needs
from support.waiting import eventually

_BOOT: Final = """set -e
mount -t tmpfs tmpfs "$1"
mkdir "$1/changes" "$1/work" "$1/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/changes,workdir=$1/work" "$1/root"
cd "$1/root"
mount --rbind /dev dev
mount -t tmpfs tmpfs dev/shm # where RemoveIPC= takes away all of the user's files, those below it here, too
mount --rbind /sys sys
mount -t proc proc proc
mount -t tmpfs -o mode=755 tmpfs run
mkdir run/changes
mount --bind "$1/changes" run/changes
rm -rf etc/systemd/system usr/lib/systemd/system/*.wants
mkdir etc/systemd/system
pivot_root . .
umount -l .
mount --make-rshared / # systemd moves credentials into place from a namespace of its own
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin SYSTEMD_GENERATOR_PATH=/nowhere \
  SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/nowhere /lib/systemd/systemd --system --unit=basic.target
"""
"""Nothing that is installed starts by itself."""
_GROUPS: Final = ("init.scope", "system.slice", "user.slice")
_OTHERS: Final = re.compile(r"(var/(log|cache|lib/dpkg|lib/systemd)|run)(/|$)|etc/(machine-id|\.pwd\.lock)$")
"""What a package manager and systemd note for themselves."""


class Machine:
    """One that runs; `pid` is its systemd, as this machine counts."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def run(self, *command: str) -> str:
        """What a command prints that succeeds in it, as root."""
        done = self.tried(*command)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def tried(self, *command: str) -> subprocess.CompletedProcess[str]:
        """The same, with any outcome."""
        environ = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}
        inside = ["nsenter", "--target", str(self.pid), "--all", "--root", "--wd", *command]
        return subprocess.run(inside, capture_output=True, text=True, timeout=120, check=False, env=environ)

    def shown(self, unit: str, name: str) -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "--property", name, unit).strip()

    def path(self, path: str) -> Path:
        """Where a file of it is, seen from here."""
        return Path(f"/proc/{self.pid}/root{path}")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def changes(self) -> set[str]:
        """The files and folders that are not as in this machine, such as `etc/hosts`."""
        top = self.path("/run/changes")
        found = {str(file.relative_to(top)) for file in top.rglob("*") if not _is_old(file, top)}
        return {name for name in found if not _OTHERS.match(name)}


def _is_old(file: Path, top: Path) -> bool:
    """Whether this is a folder that was there before: a change below it has put it into the layer."""
    return file.is_dir() and (Path("/") / file.relative_to(top)).is_dir()


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    """One that has booted."""
    for program in ("unshare", "nsenter", "pivot_root", "systemctl"):
        needs(program)
    if os.geteuid() != 0:
        lacks("only root makes a machine of its own")
    if Path("/run/systemd/system").exists():
        lacks("the systemd of this machine has control groups of the same names")
    disk, log = folder / "disk", folder / "boot.log"
    disk.mkdir()
    own = ("--pid", "--mount", "--uts", "--ipc", "--cgroup")
    command = ["unshare", "--fork", "--kill-child", *own, "sh", "-c", _BOOT, "sh", str(disk)]
    with log.open("wb") as output:
        outer = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        booted = Machine(int(eventually(children.read_text)))
        eventually(lambda: _has_booted(booted, outer, log))
        booted.run("systemctl", "start", "systemd-journald")
        yield booted
    finally:
        outer.kill()
        outer.wait(10)
        eventually(_groups_are_gone)


def _has_booted(booted: Machine, outer: subprocess.Popen[bytes], log: Path) -> bool:
    assert outer.poll() is None, log.read_text()
    return booted.tried("systemctl", "is-active", "basic.target").stdout == "active\n"


def _groups_are_gone() -> bool:
    """Remove the control groups, whose processes the kernel has killed."""
    top = Path("/sys/fs/cgroup")
    groups = [
        group for place in (top, *top.iterdir()) for name in _GROUPS if (group := place / name).is_dir()
    ]
    for group in groups:
        for inner in sorted((one for one in group.rglob("*") if one.is_dir()), reverse=True):
            with suppress(OSError):
                inner.rmdir()
        with suppress(OSError):
            group.rmdir()
    return not any(group.exists() for group in groups)
