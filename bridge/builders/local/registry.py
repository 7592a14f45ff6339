"""Whether the registry of a local builder answers: for `builders test`."""

import socket
import ssl
from functools import partial
from pathlib import Path
from typing import Final

import httpx
from anyio import to_thread

from bridge.errors import Transient
from bridge.runtime.tls import causes, tls_fault
from bridge.runtime.web_page import is_web_page, sign_in_page

_SECONDS: Final = 10.0
_MAX_ANSWER: Final = 64 << 10
TRUSTED: Final = (Path("/etc/containers/certs.d"), Path("/etc/docker/certs.d"))
"""Where buildah and podman look for the authorities of a registry, by its host; docker in the second only."""


async def ask_registry(registry: str, *, tls_verify: bool) -> str:
    """Make one call and say in a sentence what it showed. Raises Transient."""
    host = registry.partition("/")[0]
    why = ""
    context = await to_thread.run_sync(partial(_context, host, tls_verify=tls_verify))
    async with httpx.AsyncClient(verify=context, timeout=_SECONDS) as client:
        for scheme in ("https",) if tls_verify else ("https", "http"):
            try:
                async with client.stream("GET", f"{scheme}://{host}/v2/") as answer:
                    return await _meaning(host, answer)
            except httpx.HTTPError as error:
                trust = f"write into {TRUSTED[-1]}/{host}/ca.crt"
                without_tls = "set tls_verify: false, or for docker its insecure-registries"
                fault = tls_fault(error, f"the registry {host}", without_tls=without_tls, trust=trust)
                why = fault or _silence(host, error)
    raise Transient(why)


def _silence(host: str, error: httpx.HTTPError) -> str:
    for cause in causes(error):
        match cause:
            case socket.gaierror():
                return f"the host name of the registry {host} cannot be resolved: check `registry` and DNS"
            case ConnectionRefusedError():
                return f"the registry {host} refuses connections: check that it runs, and `registry`"
            case httpx.TimeoutException():
                return f"the registry {host} did not answer within {_SECONDS:g} s: check `registry`"
    return f"the registry {host} does not answer ({type(error).__name__}): check `registry`"


def _context(host: str, *, tls_verify: bool) -> ssl.SSLContext:
    context = httpx.create_ssl_context(verify=tls_verify)
    context.load_default_certs()
    for folder in TRUSTED:
        for file in sorted((folder / host).glob("*.crt")):
            try:
                context.load_verify_locations(file)
            except OSError as error:
                raise Transient(
                    f"the authorities in {file} cannot be used: {error.strerror or error}"
                ) from None
    return context


async def _meaning(host: str, answer: httpx.Response) -> str:
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > _MAX_ANSWER:
            break
    status = answer.status_code
    page = sign_in_page(status, answer.headers, bytes(body))
    if page or (is_web_page(bytes(body)) and status == httpx.codes.OK):
        what = page or "a web page"
        raise Transient(f"{what} answers in place of the registry {host} (HTTP {status}): check `registry`")
    match status:
        case httpx.codes.OK:
            return f"the registry {host} answers"
        case httpx.codes.UNAUTHORIZED:
            return f"the registry {host} answers and requires credentials"
        case _:
            raise Transient(f"the registry {host} answers with HTTP {status}")
