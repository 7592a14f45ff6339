"""Real Git repositories for tests: fixed identity and times, nothing of the user's configuration."""

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedIOBase
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar

from support.needs import needs

_EPOCH = 1_700_000_000
_LONG = 50_000


def git(folder: Path, *arguments: str, at: int = _EPOCH) -> str:
    """Run git in `folder` and return what it printed; `at` is the time of commits and tags made by it."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.devnull,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Test Author",
        "GIT_AUTHOR_EMAIL": "author@example.com",
        "GIT_AUTHOR_DATE": f"{at} +0000",
        "GIT_COMMITTER_NAME": "Test Committer",
        "GIT_COMMITTER_EMAIL": "committer@example.com",
        "GIT_COMMITTER_DATE": f"{at} +0000",
    }
    done = subprocess.run(
        [needs("git"), *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"git {arguments}: {done.stderr}"
    return done.stdout.strip()


class Origin:
    """A bare remote repository `remote` and a working copy `work` that pushes to it; the branch is `main`."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.remote = root / "remote.git"
        self.work = root / "work"
        self._commits = 0
        git(root, "init", "--quiet", "--bare", "--initial-branch=main", str(self.remote))
        git(root, "init", "--quiet", "--initial-branch=main", str(self.work))

    @property
    def url(self) -> str:
        return self.remote.as_uri()

    def commit(self, files: Mapping[str, str | bytes], message: str = "A change") -> str:
        """Commit these files, add them to what is there, and return the commit's id; nothing is pushed."""
        for name, content in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            if path.read_bytes().startswith((b"#!", b"\x7fELF")):
                path.chmod(0o755)
        self._commits += 1
        git(self.work, "add", "--all")
        git(
            self.work, "commit", "--quiet", "--allow-empty", f"--message={message}", at=_EPOCH + self._commits
        )
        return git(self.work, "rev-parse", "HEAD")

    def push(self, *refspecs: str) -> None:
        """Push `main`, or these refspecs, by force."""
        git(self.work, "push", "--quiet", "--force", str(self.remote), *(refspecs or ("main",)))

    def tag(self, name: str) -> str:
        """Put an annotated tag on the current commit, push it, and return the tag object's id."""
        git(self.work, "tag", f"--message={name}", name, at=_EPOCH + self._commits)
        self.push(f"refs/tags/{name}")
        return git(self.work, "rev-parse", f"refs/tags/{name}")


class Line:
    """What answers go over: it counts their `bytes`.

    Once it is `cut`, a long answer stops in the middle (`stopped`), and ends there when it is `mended`.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self.cut = False
        self.stopped = Event()
        self.mended = Event()

    def send(self, out: BufferedIOBase, content: bytes) -> None:
        half = len(content) // 2
        if self.cut and half > _LONG:
            out.write(content[:half])
            self.stopped.set()
            self.mended.wait(60)
            return
        self.bytes += len(content)
        out.write(content)


@contextmanager
def serve_http(
    root: Path,
    *,
    user: str | None = None,
    password: str = "",
    heard: list[str] | None = None,
    large: Sequence[bytes] = (),
    line: Line | None = None,
) -> Iterator[str]:
    """Serve the repositories below `root` over loopback HTTP; yields the base URL, without a slash.

    Only the first version of Git's wire protocol is spoken, in which a server refuses commits that no ref
    points to. With a `user`, Basic authentication is demanded; `heard` gets each credential that comes.
    `large` are the files that Git LFS finds here. The answers go over `line`.
    """
    expected = base64.b64encode(f"{user}:{password}".encode()).decode() if user else None

    class Handler(_Backend):
        credentials = expected
        project_root = root
        all_heard = [] if heard is None else heard
        the_line = line or Line()
        objects: ClassVar[dict[str, bytes]] = {sha256(content).hexdigest(): content for content in large}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def pointer(content: bytes) -> str:
    """What Git LFS commits in the place of the content."""
    name = sha256(content).hexdigest()
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{name}\nsize {len(content)}\n"


class HeldLine(Line):
    """While it is `held`, each answer `waits` on its way until it is `released`."""

    def __init__(self) -> None:
        super().__init__()
        self.held = False
        self.waits = Event()
        self.released = Event()

    def send(self, out: BufferedIOBase, content: bytes) -> None:
        if self.held:
            self.waits.set()
            assert self.released.wait(60)
        super().send(out, content)


class _Backend(BaseHTTPRequestHandler):
    """A front for `git http-backend`, as the CGI specification wants it, with the files of Git LFS."""

    credentials: str | None
    project_root: Path
    all_heard: list[str]
    the_line: Line
    objects: ClassVar[dict[str, bytes]]

    def do_GET(self) -> None:
        self._run()

    def do_POST(self) -> None:
        self._run()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Say nothing."""

    def _run(self) -> None:
        if credential := self.headers.get("Authorization"):
            self.all_heard.append(credential)
        if self.credentials and self.headers.get("Authorization") != f"Basic {self.credentials}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if path.endswith("/info/lfs/objects/batch"):
            self._answer("application/vnd.git-lfs+json", self._batch(json.loads(body)))
            return
        if path.startswith("/objects/"):
            self._answer("application/octet-stream", self.objects[path.rpartition("/")[2]])
            return
        done = subprocess.run(
            [needs("git"), "http-backend"],
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.project_root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "REMOTE_ADDR": "127.0.0.1",
            },
            input=body,
            capture_output=True,
            timeout=60,
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        self.send_response(int(fields.pop("Status", "200").split()[0]))
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.the_line.send(self.wfile, content)

    def _batch(self, wanted: Any) -> bytes:
        """Where each of the files of Git LFS is."""
        here = f"http://{self.headers['Host']}/objects"
        found = [
            one | {"actions": {"download": {"href": f"{here}/{one['oid']}"}}}
            if one["oid"] in self.objects
            else one | {"error": {"code": 404, "message": "there is no such object"}}
            for one in wanted["objects"]
        ]
        return json.dumps({"transfer": "basic", "objects": found}).encode()

    def _answer(self, kind: str, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
