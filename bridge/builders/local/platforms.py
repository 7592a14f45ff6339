"""Images for several platforms: which of them can run programs on this machine."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

EMULATORS: Final = Path("/proc/sys/fs/binfmt_misc")
_NATIVE: Final = {"x86_64": ("amd64", "386"), "aarch64": ("arm64", "arm")}
"""What a processor runs without an emulator, by its name for the kernel."""
_EMULATED: Final = {"amd64": "x86_64", "arm64": "aarch64", "386": "i386", "mips64le": "mips64el"}
"""How QEMU calls those that it calls otherwise."""
NOT_RUN: Final = b"exec format error"
"""What a RUN step says whose programs are for another processor."""


def not_run_here(platforms: Sequence[str], emulators: Path = EMULATORS) -> str:
    """In words, whose programs this machine cannot run, and what to do; empty where it runs all of them."""
    machine = os.uname().machine
    lacking = []
    for platform in platforms:
        processor = platform.split("/")[1]
        emulator = f"qemu-{_EMULATED.get(processor, processor)}"
        if processor not in _NATIVE.get(machine, (machine,)) and not any(emulators.glob(f"{emulator}*")):
            lacking.append(platform)
    if not lacking:
        return ""
    return (
        f"RUN steps for {', '.join(lacking)} cannot run on this machine: install qemu-user-static, which "
        "registers emulators with binfmt_misc"
    )
