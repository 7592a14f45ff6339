"""The connections of one attempt, which another thread can end.

A time-out of a socket counts from byte to byte: a server that drips them would keep the attempt for ever.
"""

import socket
import threading
from contextlib import suppress


class Connections:
    """Those that are open; once they are ended, each further one ends at once."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []
        self._ended = False
        self._changing = threading.Lock()

    def hold(self, connected: socket.socket) -> None:
        """To be ended with the others."""
        # A copy: TLS takes the original over, and what closes it forgets its number.
        copy = connected.dup()
        with self._changing:
            self._open.append(copy)
            if self._ended:
                self._shut()

    def end(self) -> None:
        """Whoever waits for bytes on one of them gets no more."""
        with self._changing:
            self._ended = True
            self._shut()

    def _shut(self) -> None:
        while self._open:
            with self._open.pop() as one, suppress(OSError):  # the server may have ended it
                one.shutdown(socket.SHUT_RDWR)
