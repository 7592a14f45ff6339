"""The parser of requests, for a server that upgrades to no other protocol."""

from collections.abc import Sequence
from typing import Final, Protocol

import httptools

_OFFER: Final = b"upgrade"


class Head(Protocol):
    """Whom the parser calls, and what it has parsed of a request before the end of its head.

    `headers` are as they came, with their names in lower case. The calls for the end of a head that
    `should_upgrade`, and for the end of its message, are to be left alone: both come once more.
    """

    url: bytes

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]: ...


class RequestParser:
    """httptools' parser, without its upgrades: it ignores the offer of one (RFC 9110 §7.8).

    httptools takes all that follows a head with an offer for the other protocol, the request's own body
    included. So that head is parsed again without the offer, and what follows after it.
    """

    def __init__(self, protocol: Head) -> None:
        self._protocol = protocol
        self._renew()

    def _renew(self) -> None:
        parser = httptools.HttpRequestParser(self._protocol)
        # As uvicorn has it: a request behind one that closes the connection does not lose that its answer.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        # Not by methods of this class: most requests make no offer and shall not pay for one.
        self._feed = parser.feed_data
        self.get_method = parser.get_method
        self.get_http_version = parser.get_http_version
        self.should_keep_alive = parser.should_keep_alive
        self.should_upgrade = parser.should_upgrade

    def feed_data(self, data: bytes) -> None:
        """Parse the next bytes of a connection. Raises httptools.HttpParserError for those of no request."""
        while data:
            try:
                self._feed(data)
            except httptools.HttpParserUpgrade as offer:
                data = self._head_without_offer() + data[offer.args[0] :]
                self._renew()
            else:
                return

    def _head_without_offer(self) -> bytes:
        method = self.get_method()
        if method == b"CONNECT":
            raise httptools.HttpParserError("this is no proxy")
        lines = [b" ".join([method, self._protocol.url, b"HTTP/" + self.get_http_version().encode()])]
        lines += [name + b": " + value for name, value in self._protocol.headers if name != _OFFER]
        return b"\r\n".join([*lines, b"", b""])
