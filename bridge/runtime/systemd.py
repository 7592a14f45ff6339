"""The notify protocol of systemd (sd_notify(3)): datagrams to the socket in `NOTIFY_SOCKET`."""

import os
import socket


def is_heard() -> bool:
    """Whether a service manager listens."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


def notify(*lines: str) -> None:
    """Send lines such as `READY=1` to systemd, if it listens. A datagram that is lost raises nothing."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.settimeout(1)
            sock.sendto("\n".join(lines).encode(), address)
    except OSError:
        return


def watchdog_seconds() -> float | None:
    """How often to send `WATCHDOG=1` (half of what systemd allows), None when it does not watch."""
    limit = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not limit.isdecimal() or pid != str(os.getpid()):
        return None
    return int(limit) / 2_000_000 or None
