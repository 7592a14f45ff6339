"""Why a TLS connection failed, in words for the person who can mend it."""

import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any, Final

_MAX_CAUSES: Final = 20
_WITHOUT_TLS: Final = frozenset(
    {
        "WRONG_VERSION_NUMBER",
        "PACKET_LENGTH_TOO_LONG",
        "RECORD_LAYER_FAILURE",
        "UNKNOWN_PROTOCOL",
        "HTTP_REQUEST",
    }
)
_OTHER_VERSIONS: Final = frozenset(
    {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE", "WRONG_SSL_VERSION"}
)
# The codes of X509_verify_cert in OpenSSL's x509_vfy.h.
_CERTIFICATES: Final = {
    2: "comes from an authority that is not trusted here: {trust} its certificate",
    9: "is not valid yet: compare the clocks of both machines",
    10: "has expired: renew it there; if it is still good, the clock of this machine is wrong",
    18: "is signed by itself: {trust} it",
    19: "comes from an authority that is not trusted here: {trust} that authority's certificate",
    20: "comes from an authority that is not trusted here: {trust} that authority's certificate, "
    "or have the server send the intermediate ones",
    21: "comes from an authority that is not trusted here: {trust} that authority's certificate, "
    "or have the server send the intermediate ones",
    23: "was revoked: replace it there",
}
_OTHER_NAMES: Final = frozenset({62, 64})


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it; libraries also keep causes in attributes and arguments."""
    waiting: list[Any] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_CAUSES:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        behind = (getattr(current, "reason", None), current.__cause__, current.__context__, *current.args)
        waiting += [cause for cause in behind if isinstance(cause, BaseException)]


def tls_fault(
    error: BaseException, peer: str, *, without_tls: str, trust: str = "set ca_file to a PEM file with"
) -> str | None:
    """Why the TLS connection with `peer` failed, and what to do; None when TLS was not the cause.

    `without_tls` is what to do where the peer does not speak TLS at this port, `trust` what to do with the
    certificate of an authority that is not trusted.
    """
    found = [cause for cause in causes(error) if isinstance(cause, ssl.SSLError)]
    for cause in found:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate of {peer} {_certificate_fault(cause, trust)}"
    return f"{_handshake_fault(found[0].reason or '', peer, without_tls)}" if found else None


def _certificate_fault(error: ssl.SSLCertVerificationError, trust: str) -> str:
    message = error.verify_message or ""
    if error.verify_code in _OTHER_NAMES:
        name = re.search(r"'([^']*)'", message)
        asked = f" {name[1]}" if name else ""
        return f"is for another name than{asked}: use a name that it lists, or replace it there"
    fault = _CERTIFICATES.get(error.verify_code)
    return fault.format(trust=trust) if fault else f"is not accepted ({message}): replace it there"


def _handshake_fault(reason: str, peer: str, without_tls: str) -> str:
    if reason in _WITHOUT_TLS:
        return f"{peer} answers without TLS at this port: {without_tls}"
    if reason in _OTHER_VERSIONS:
        return f"{peer} speaks no version of TLS that is accepted here: it needs TLS 1.2 or newer"
    if "CERTIFICATE_REQUIRED" in reason:
        return f"{peer} asks for a client certificate, and the bridge has none: let it in without one"
    words = reason.lower().replace("_", " ") or "broken off"
    return f"the TLS handshake with {peer} failed: {words}"


def speaks_tls(host: str, port: int, seconds: float) -> bool:
    """Whether a TLS server listens there; blocking. Nothing but the handshake is sent."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # whose it is does not matter: nothing is said to it
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((host, port), seconds) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return True
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")
    except (OSError, ValueError):
        return False
