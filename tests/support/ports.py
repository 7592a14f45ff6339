"""Ports of loopback for servers of tests."""

import contextlib
import random
import socket

_RANDOM = random.SystemRandom()
"""Not of a seed that other workers of the same run have, too."""


def free_port() -> int:
    """A port for a server that starts later: none that the system gives to a connection meanwhile."""
    while True:
        port = _RANDOM.randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
