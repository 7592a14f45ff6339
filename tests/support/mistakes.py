"""The commonest mistakes with any build server behind HTTP: how each is made, and what people then read."""

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from support.builder_contract import Failure, RemoteSite
from support.wrong_servers import NAME, answering, certified

Settings = Mapping[str, Any]
Make = Callable[[Any], Settings | None]
"""Makes a mistake at a site, and says the settings that are part of it."""

CLOSED = "http://127.0.0.1:1"
"""Where nobody listens."""
PAGE = b"<!DOCTYPE html><html><title>Welcome to nginx!</title></html>"


def given(**settings: Any) -> Make:
    """These settings are the mistake."""
    return lambda _site: settings


def fake(**state: Any) -> Make:
    """The fake is in this state."""

    def make(site: RemoteSite) -> None:
        for name, value in state.items():
            assert hasattr(site.server, name)
            setattr(site.server, name, value)

    return make


def answers(status: int, body: bytes = b"", match: str = "", **headers: str) -> Make:
    """The server answers like that to requests whose line has `match`."""
    reply = Failure(status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return lambda site: site._fail(reply, match, 1_000_000)


def together(*makes: Make) -> Make:
    """All of these make the mistake."""
    return lambda site: {name: value for make in makes for name, value in (make(site) or {}).items()}


def _of_tls(site: RemoteSite, scheme: str) -> Settings:
    folder = Path(site.stack.enter_context(TemporaryDirectory()))
    context, _ = certified("of an unknown authority", folder)
    port = site.stack.enter_context(answering(b"", context))
    return {"url": f"{scheme}://{NAME}:{port}"}


def common(peer: str) -> dict[str, Make]:
    """What can go wrong on the way to any server, which sentences call `peer`; by what is said of it."""
    return {
        f"the host name of {peer} cannot be resolved: check `url` and DNS": given(url="https://ci.invalid"),
        f"{peer} refuses connections: check that it runs, and `url`": given(url=CLOSED),
        f"{peer} answers without TLS at this port: write http:// in `url`, or its port for https": (
            lambda site: {"url": site.server.url.replace("http:", "https:")}
        ),
        f"this port of {peer} speaks TLS: write https:// in `url`": lambda site: _of_tls(site, "http"),
        f"the certificate of {peer} comes from an authority that is not trusted here: set ca_file to a PEM "
        "file with that authority's certificate": lambda site: _of_tls(site, "https"),
        f"{peer} points to another address (301): correct `url`": answers(
            301, Location="https://ci.example.com/api"
        ),
        f"a sign-in page at sso.example.com answers in place of {peer} (302)": answers(
            302, Location="https://sso.example.com/start"
        ),
        f"`url` shows a web page, not the API of {peer}: check `url`": answers(200, PAGE),
        f"{peer}, or a proxy before it, asks for fewer requests (429)": answers(429),
        "the proxy refuses connections: check that it runs, and `proxy`": given(proxy=CLOSED),
        "the proxy asks who we are (407): have it let this machine through without a password": answers(407),
        f"a proxy did not get an answer from {peer} (502)": answers(502),
    }
