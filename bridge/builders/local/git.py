"""Git for a local build: what it may fetch over, and credentials that only it sees.

Git gets the credentials of the clone URL from a private file of its credential store, so that neither the
process list nor the log nor the checkout shows them. The store has them for one host: no other gets them. All
of Git's configuration is in another private file, since Git hands on to submodules what is in its variables
only in part.
"""

import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bridge.builders.local.folder import BuildSpec
from bridge.builders.local.process import BuildFailed, Sink, Supervisor

_MAX_ANSWER = 64 << 10
_SSH = "ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=15 -oServerAliveCountMax=4"
_CONFIG = (
    # What a power cut damages is fetched anew.
    ("core.fsync", "none"),
    ("core.hooksPath", os.devnull),
    ("credential.helper", ""),
    ("fetch.unpackLimit", "1"),
    ("gc.auto", "0"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("lfs.skipDownloadErrors", "false"),
    # Only for this machine: a search for smaller forms takes longer than it saves.
    ("pack.window", "0"),
    ("submodule.recurse", "false"),
    ("uploadpack.allowAnySHA1InWant", "true"),
)


def split_credentials(url: str) -> tuple[str, str | None]:
    """A clone URL without its credentials, and the line of Git's credential store that holds them.

    The user name of an SSH URL is an address, not a credential, and stays.
    """
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    user, colon, _ = userinfo.partition(":")
    if parts.scheme not in {"http", "https"}:
        return parts._replace(netloc=f"{user}@{host}").geturl(), None
    secret = userinfo if colon else f"{userinfo}:"
    return parts._replace(netloc=host).geturl(), f"{parts.scheme}://{secret}@{host}"


def protocol_of(url: str) -> str:
    """The protocol of a clone URL, or of an address that Git also takes: a path, or host:path."""
    scheme, separator, _ = url.partition("://")
    if separator:
        return scheme.lower()
    return "file" if url.startswith("/") else "ssh"


class Git:
    """Runs Git for one build, in `tree` and the repositories below it; `url` is without credentials."""

    def __init__(self, supervisor: Supervisor, spec: BuildSpec, base: Mapping[str, str], tree: Path) -> None:
        self.log = supervisor.log
        self._supervisor = supervisor
        self._limit = spec.max_tree
        self._tree = tree
        self.url, self._credential = split_credentials(spec.request.repo_url)
        self._store = tree.with_name("private") / "credential"
        self._config = tree.with_name("private") / "config"
        self.protocols = spec.protocols
        # A repository of another host may not point to those of this machine.
        own = {protocol_of(self.url)}
        self.elsewhere = tuple(each for each in spec.protocols if each != "file" or each in own)
        self._env = {
            **base,
            "GIT_CONFIG_GLOBAL": str(self._config),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_SSH_COMMAND": _SSH,
            "GIT_TERMINAL_PROMPT": "0",
        }

    @contextmanager
    def private_files(self) -> Iterator[None]:
        """Git can be run within the block."""
        pairs = list(_CONFIG)
        if self._credential:
            _write(self._store, f"{self._credential}\n")
            pairs.append(("credential.helper", f"store --file={shlex.quote(str(self._store))}"))
        _write(self._config, "".join(map(_setting, pairs)))
        try:
            yield
        finally:
            self._store.unlink(missing_ok=True)
            self._config.unlink(missing_ok=True)

    def call(
        self,
        *arguments: str,
        cwd: Path | None = None,
        sink: Sink | None = None,
        protocols: Sequence[str] | None = None,
    ) -> int:
        """Returns the exit code. In other repositories than that of `tree`, `elsewhere` is allowed."""
        allowed = protocols or (self.protocols if cwd is None else self.elsewhere)
        return self._supervisor.run(
            ["git", *arguments],
            cwd=cwd or self._tree,
            env={**self._env, "GIT_ALLOW_PROTOCOL": ":".join(allowed)},
            sink=sink,
            file_limit=self._limit,
            heading=False,
        )

    def run(self, *arguments: str, cwd: Path | None = None) -> None:
        """Raises BuildFailed for any exit code but 0."""
        code = self.call(*arguments, cwd=cwd)
        if code:
            raise BuildFailed(f"git {arguments[0]} failed with exit code {code}", code)

    def ask(self, *arguments: str, cwd: Path | None = None) -> str:
        """What Git prints, at most 64 KiB. Raises BuildFailed."""
        answer = bytearray()
        code = self.call(*arguments, cwd=cwd, sink=answer.extend)
        if code:
            raise BuildFailed(f"git {arguments[0]} failed with exit code {code}", code)
        if len(answer) > _MAX_ANSWER:
            raise BuildFailed(f"git {arguments[0]} answered with more than {_MAX_ANSWER} bytes")
        return answer.decode(errors="replace").strip()


def tree_size(tree: Path) -> int:
    """The bytes of all files below, the repository's own among them."""
    return sum(Path(parent, name).lstat().st_size for parent, _, files in os.walk(tree) for name in files)


def check_size(tree: Path, limit: int) -> None:
    """Raises BuildFailed where the files below are more than that."""
    if tree_size(tree) > limit:
        raise BuildFailed(f"the checkout is over its limit of {limit} bytes")


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _setting(pair: tuple[str, str]) -> str:
    section, _, key = pair[0].partition(".")
    value = pair[1].replace("\\", "\\\\").replace('"', '\\"')
    return f'[{section}]\n\t{key} = "{value}"\n'
