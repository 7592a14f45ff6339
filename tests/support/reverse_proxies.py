"""The configurations of nginx and Caddy that are shipped, with the real programs."""

import os
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import httpx
from support.daemon import Daemon
from support.needs import needs
from support.ports import free_port
from support.waiting import eventually

import bridge

DEPLOY: Final = Path(bridge.__file__).parents[1] / "deploy"
NAME: Final = "bridge.example.com"
Edit = Callable[[str], str]
"""Changes a configuration that is shipped."""


def as_it_is(site: str) -> str:
    return site


def certificate_in(folder: Path) -> Path:
    """A certificate for `NAME` that signs itself, beside its key."""
    subprocess.run(
        [
            *(needs("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-nodes", "-days", "1", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
            *("-keyout", "key.pem", "-out", "cert.pem"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return folder / "cert.pem"


class Proxy:
    """A running proxy; `client` speaks TLS with it and goes by the name in its certificate."""

    def __init__(self, port: int, certificate: Path) -> None:
        self.port = port
        self.tls = ssl.create_default_context(cafile=str(certificate))

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"host": NAME} | more.pop("headers", {})
        url = f"https://127.0.0.1:{self.port}{path}"
        with httpx.Client(verify=self.tls, timeout=20, trust_env=False) as client:
            return client.request(method, url, headers=headers, extensions={"sni_hostname": NAME}, **more)

    def says(self, *lines: str | bytes) -> bytes:
        """What it answers to these bytes, until it hangs up."""
        text = b"".join(line if isinstance(line, bytes) else f"{line}\r\n".encode() for line in lines)
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain,
            self.tls.wrap_socket(plain, server_hostname=NAME) as line,
        ):
            line.sendall(text)
            heard = b""
            with suppress(ConnectionError):
                while more := line.recv(4096):
                    heard += more
            return heard

    def answers(self) -> bool:
        with suppress(httpx.TransportError):
            return self.call("GET", "/healthz").status_code == 404
        return False


def nginx(folder: Path, daemon: Daemon, port: int, certificate: Path, edit: Edit = as_it_is) -> list[str]:
    """The command of nginx with the configuration that is shipped, edited."""
    site = edit((DEPLOY / "nginx.conf").read_text())
    for written, here in (
        ("127.0.0.1:8088", f"127.0.0.1:{daemon.port}"),
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        (f"/etc/ssl/certs/{NAME}.pem", str(certificate)),
        (f"/etc/ssl/private/{NAME}.key", str(certificate.with_name("key.pem"))),
    ):
        assert written in site
        site = site.replace(written, here)
    (folder / "site.conf").write_text(site)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}pid {folder}/pid;\nerror_log stderr;\ndaemon off;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}include {folder}/site.conf;\n}}\n"
    )
    return [needs("nginx"), "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]


def caddy(folder: Path, daemon: Daemon, port: int, certificate: Path, edit: Edit = as_it_is) -> list[str]:
    """The command of Caddy with the configuration that is shipped, edited."""
    site = edit((DEPLOY / "Caddyfile").read_text())
    for written, here in (
        ("127.0.0.1:8088", f"127.0.0.1:{daemon.port}"),
        (
            f"\n{NAME} {{\n",
            f"\nhttps://{NAME}:{port} {{\n\ttls {certificate} {certificate.with_name('key.pem')}\n",
        ),
    ):
        assert written in site
        site = site.replace(written, here)
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + site)
    return [needs("caddy"), "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@contextmanager
def proxying(command: list[str], folder: Path, port: int, certificate: Path) -> Iterator[Proxy]:
    """The proxy of this command, until the end of the block."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=folder,
            env=os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder)},
        )
        try:
            made = Proxy(port, certificate)
            eventually(lambda: process.poll() is not None or made.answers())
            assert process.poll() is None, (folder / "log").read_text()
            yield made
        finally:
            process.terminate()
            process.wait(20)
