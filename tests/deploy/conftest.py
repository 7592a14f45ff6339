import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from support.needs import needs
from support.pushing import SECRET, Receiver, Site

HOOK = Path(__file__).parents[2] / "deploy" / "git-hooks" / "post-receive"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = kept.take({name.lower(): value for name, value in self.headers.items()}, body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the base class's name
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/hooks/plain"
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def site(tmp_path: Path, receiver: Receiver) -> Site:
    for program in ("git", "curl", "openssl"):
        needs(program)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "Zoë “Z” Ångström",
        "GIT_AUTHOR_EMAIL": "zoe@example.org",
        "GIT_COMMITTER_NAME": "Robot",
        "GIT_COMMITTER_EMAIL": "robot@example.org",
        "USER": "zoe",
        "TMPDIR": str(tmp_path / "tmp"),
        "no_proxy": "127.0.0.1",
    }
    (tmp_path / "tmp").mkdir()
    made = Site(tmp_path / "acme" / "shop.git", tmp_path / "work", tmp_path / "secret", environ)
    made.secret_file.write_text(SECRET + "\n")
    made.git("init", "-q", "--bare", str(made.bare), folder=tmp_path)
    made.git("init", "-q", "-b", "main", str(made.work), folder=tmp_path)
    made.git("remote", "add", "origin", str(made.bare))
    made.git("config", "bridge.url", receiver.url, folder=made.bare)
    made.git("config", "bridge.secretFile", str(made.secret_file), folder=made.bare)
    hook = made.bare / "hooks" / "post-receive"
    hook.write_bytes(HOOK.read_bytes())
    hook.chmod(0o755)
    return made
