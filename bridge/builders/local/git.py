"""Git for a local build: what it may fetch over, and credentials that only it sees.

Git reads credentials from the memory of the runner, so that neither a file nor the process list nor the log
nor the checkout has them, and for one host: no other gets them. Its configuration is in a private file, since
Git hands on to submodules what is in its variables only in part.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bridge.builders.local.folder import BuildSpec
from bridge.builders.local.process import BuildFailed, Sink, Supervisor, open_to_own_user
from bridge.runtime.git.access import CloneAccess, chosen, protocol_of
from bridge.runtime.git.failure import failure
from bridge.runtime.git.lending import lent

_MAX_ANSWER = 64 << 10
_MAX_SAID = 4096
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


class Git:
    """Runs Git for one build, in `tree` and the repositories below it; `url` is without credentials."""

    def __init__(
        self,
        supervisor: Supervisor,
        spec: BuildSpec,
        base: Mapping[str, str],
        tree: Path,
        access: CloneAccess | None,
    ) -> None:
        self.log = supervisor.log
        self._supervisor = supervisor
        self._limit = spec.max_tree
        self._tree = tree
        self.url, self._access = chosen(spec.request.repo_url, access)
        self._source = spec.request.source
        self._config = tree.with_name("private") / "config"
        self._said = b""
        """The end of what the last command printed."""
        self.protocols = spec.protocols
        # A repository of another host may not point to those of this machine.
        own = {protocol_of(self.url)}
        self.elsewhere = tuple(each for each in spec.protocols if each != "file" or each in own)
        self._env = {
            **base,
            "GIT_CONFIG_GLOBAL": str(self._config),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_TERMINAL_PROMPT": "0",
        }

    @contextmanager
    def private_files(self) -> Iterator[None]:
        """Git can be run within the block."""
        open_to_own_user(True)
        try:
            with lent(self.url, self._access) as loan:
                self._env["GIT_SSH_COMMAND"] = loan.ssh
                self._config.write_text("".join(map(_setting, (*_CONFIG, *loan.config))))
                yield
        finally:
            # What the repository runs from now on is of the same user.
            open_to_own_user(False)

    def call(
        self,
        *arguments: str,
        cwd: Path | None = None,
        sink: Sink | None = None,
        protocols: Sequence[str] | None = None,
    ) -> int:
        """Returns the exit code. In other repositories than that of `tree`, `elsewhere` is allowed."""
        allowed = protocols or (self.protocols if cwd is None else self.elsewhere)
        out = sink or self.log.output
        self._said = b""

        def listen(data: bytes) -> None:
            self._said = (self._said + data)[-_MAX_SAID:]
            out(data)

        return self._supervisor.run(
            ["git", *arguments],
            cwd=cwd or self._tree,
            env={**self._env, "GIT_ALLOW_PROTOCOL": ":".join(allowed)},
            sink=listen,
            file_limit=self._limit,
            heading=False,
        )

    def run(self, *arguments: str, cwd: Path | None = None) -> None:
        """Raises BuildFailed for any exit code but 0."""
        code = self.call(*arguments, cwd=cwd)
        if code:
            raise self.failed(f"git {arguments[0]}", code)

    def failed(self, what: str, code: int) -> BuildFailed:
        """That `what` failed, with what the last command said of it."""
        why = failure(self._said.decode(errors="replace"), self.url, self._access, self._source)
        return BuildFailed(f"{what} failed: {why or f'exit code {code}'}", code)

    def ask(self, *arguments: str, cwd: Path | None = None) -> str:
        """What Git prints, at most 64 KiB. Raises BuildFailed."""
        answer = bytearray()
        code = self.call(*arguments, cwd=cwd, sink=answer.extend)
        if code:
            raise self.failed(f"git {arguments[0]}", code)
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


def _setting(pair: tuple[str, str]) -> str:
    section, _, rest = pair[0].partition(".")
    within, _, key = rest.rpartition(".")
    heading = f'{section} "{_escaped(within)}"' if within else section
    return f'[{heading}]\n\t{key} = "{_escaped(pair[1])}"\n'


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
