"""The checkout of a local build: one commit, without history, configuration, hooks or submodules.

Git gets the credentials of the clone URL from a private file of its credential store, so that neither the
process list nor the log nor the checkout shows them.
"""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bridge.builders.local.folder import BuildSpec
from bridge.builders.local.process import BuildFailed, Sink, Supervisor

_DEEPER = 1000
"""Commits of a ref to fetch when the server does not serve a commit by its id."""
_MAX_ANSWER = 4096
_SSH = "ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=15 -oServerAliveCountMax=4"
_CONFIG = (
    ("core.hooksPath", os.devnull),
    ("credential.helper", ""),
    ("gc.auto", "0"),
    ("http.lowSpeedLimit", "1000"),
    ("http.lowSpeedTime", "60"),
    ("submodule.recurse", "false"),
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


@dataclass(frozen=True, slots=True)
class CheckedOut:
    """The commit in the tree, and its time in Unix seconds."""

    commit: str
    time: int


class Checkout:
    """Checks the requested commit out into `tree`, an empty folder."""

    def __init__(self, supervisor: Supervisor, spec: BuildSpec, base: Mapping[str, str], tree: Path) -> None:
        self._supervisor = supervisor
        self._spec = spec
        self._tree = tree
        self.url, self._credential = split_credentials(spec.request.repo_url)
        self._store = tree.with_name("credential")
        self._env = {
            **base,
            **self._config(),
            "GIT_ALLOW_PROTOCOL": ":".join(spec.protocols),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_SSH_COMMAND": _SSH,
            "GIT_TERMINAL_PROMPT": "0",
        }

    def run(self) -> CheckedOut:
        """Check the commit out, or what the ref points to. Raises BuildFailed."""
        if self._credential:
            descriptor = os.open(self._store, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{self._credential}\n")
        try:
            return self._check_out()
        finally:
            self._store.unlink(missing_ok=True)

    def _check_out(self) -> CheckedOut:
        wanted = self._spec.request.commit or "FETCH_HEAD"
        self._supervisor.log.note(f"fetching {wanted} of {self._spec.request.ref}")
        kind = "sha256" if len(wanted) == len("0" * 64) else "sha1"
        self._git("init", "--quiet", "--template=", "--initial-branch=none", f"--object-format={kind}")
        self._fetch(wanted)
        commit = self._ask("rev-parse", "--verify", "--end-of-options", f"{wanted}^{{commit}}")
        self._git("checkout", "--quiet", "--force", "--detach", commit)
        _check_size(self._tree, self._spec.max_tree)
        return CheckedOut(commit, int(self._ask("show", "--no-patch", "--format=%ct", commit)))

    def _fetch(self, wanted: str) -> None:
        """Fetch the commit by its id or, where the server rejects that, from the history of its ref."""
        ref = self._spec.request.ref
        if self._spec.request.commit and self._try_fetch(wanted, 1) == 0 and self._has(wanted):
            return
        for depth in (1, _DEEPER):
            code = self._try_fetch(ref, depth)
            if code:
                raise BuildFailed(f"git fetch of {ref} failed with exit code {code}", code)
            if self._has(wanted):
                return
        raise BuildFailed(f"{wanted} is not among the last {_DEEPER} commits of {ref}: the ref was moved")

    def _try_fetch(self, what: str, depth: int) -> int:
        options = ("--quiet", "--no-tags", "--no-recurse-submodules", f"--depth={depth}")
        return self._call("fetch", *options, "--", self.url, what)

    def _has(self, sha: str) -> bool:
        return self._call("cat-file", "-e", f"{sha}^{{commit}}", sink=lambda _: None) == 0

    def _git(self, *arguments: str) -> None:
        code = self._call(*arguments)
        if code:
            raise BuildFailed(f"git {arguments[0]} failed with exit code {code}", code)

    def _ask(self, *arguments: str) -> str:
        answer = bytearray()
        code = self._call(*arguments, sink=answer.extend)
        if code or len(answer) > _MAX_ANSWER:
            raise BuildFailed(f"git {arguments[0]} failed with exit code {code}", code)
        return answer.decode(errors="replace").strip()

    def _config(self) -> dict[str, str]:
        """Git's configuration, all of it, as environment variables."""
        pairs = list(_CONFIG)
        if self._credential:
            pairs.append(("credential.helper", f"store --file={shlex.quote(str(self._store))}"))
        keys = {f"GIT_CONFIG_KEY_{index}": key for index, (key, _) in enumerate(pairs)}
        values = {f"GIT_CONFIG_VALUE_{index}": value for index, (_, value) in enumerate(pairs)}
        return {**keys, **values, "GIT_CONFIG_COUNT": str(len(pairs))}

    def _call(self, *arguments: str, sink: Sink | None = None) -> int:
        return self._supervisor.run(
            ["git", *arguments],
            cwd=self._tree,
            env=self._env,
            sink=sink,
            file_limit=self._spec.max_tree,
            heading=False,
        )


def inside(tree: Path, path: str, what: str) -> Path:
    """The real path of something in the checkout, links followed. Raises BuildFailed if that is outside."""
    try:
        found = (tree / path.lstrip("/")).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        raise BuildFailed(f"there is no {what} {path!r} in the checkout") from None
    if not found.is_relative_to(tree.resolve()):
        raise BuildFailed(f"the {what} {path!r} lies outside the checkout")
    return found


def _check_size(tree: Path, limit: int) -> None:
    size = 0
    for parent, _, files in os.walk(tree):
        size += sum(Path(parent, name).lstat().st_size for name in files)
        if size > limit:
            raise BuildFailed(f"the checkout is over its limit of {limit} bytes")
