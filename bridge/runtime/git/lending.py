"""Lends credentials to Git for a while: in files that are in memory only.

Git and ssh read them under the /proc of this process. So nothing of them is on a disk, in an environment or
in a list of processes, and they are gone with this process, however it ends.

Source: "memfd_create(2)", https://man7.org/linux/man-pages/man2/memfd_create.2.html, and "gitcredentials",
https://git-scm.com/docs/gitcredentials
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from bridge.runtime.git.access import CloneAccess, protocol_of

_SSH: Final = "ssh -oBatchMode=yes -oConnectTimeout=30 -oServerAliveInterval=15 -oServerAliveCountMax=4"
_ONLY: Final = (
    " -F none -oIdentitiesOnly=yes -oIdentityAgent=none -oStrictHostKeyChecking=yes -oUpdateHostKeys=no"
    " -oGlobalKnownHostsFile=/dev/null"
)
"""Nothing but our key, for no host but those that were given."""


@dataclass(frozen=True, slots=True)
class Loan:
    """Git's settings, and its command for SSH; they hold no secret."""

    config: tuple[tuple[str, str], ...]
    ssh: str

    @property
    def environment(self) -> dict[str, str]:
        """The same as variables, beside whatever else configures Git. Submodules do not see all of them."""
        pairs = enumerate(self.config)
        numbered = [(f"GIT_CONFIG_{what}_{n}", text) for n, pair in pairs for what, text in _named(pair)]
        return {
            "GIT_CONFIG_COUNT": str(len(self.config)),
            "GIT_SSH_COMMAND": self.ssh,
            "GIT_TERMINAL_PROMPT": "0",
            **dict(numbered),
        }


@contextmanager
def lent(url: str, access: CloneAccess | None) -> Iterator[Loan]:
    """What Git needs to fetch `url` within the block; the caller has seen that the `access` is for it."""
    with ExitStack() as files:
        config, ssh = list(_own_folders(url)), _SSH
        if access is not None and access.username is not None:
            answer = f"username={access.username}\npassword={access.token}\n"
            path = _in_memory(files, answer)
            # Git would also have it store and erase.
            helper = f"!f() {{ test $1 = get && cat {path}; }}; f"
            # Helpers of the user would be asked first.
            config += [
                (f"credential.{access.base}.helper", ""),
                (f"credential.{access.base}.helper", helper),
            ]
        if access is not None and access.ssh_key:
            known = _in_memory(files, access.known_hosts)
            ssh += f"{_ONLY} -oUserKnownHostsFile={known} -i {_in_memory(files, access.ssh_key)}"
        yield Loan(tuple(config), ssh)


def _own_folders(url: str) -> Iterator[tuple[str, str]]:
    """Git reads the repository of another user only where its folder is named."""
    if protocol_of(url) == "file":
        path = (unquote(urlsplit(url).path) if "://" in url else url).rstrip("/")
        yield from (("safe.directory", f"{path}{end}") for end in ("", "/.git", ".git"))


def _in_memory(files: ExitStack, text: str) -> str:
    descriptor = os.memfd_create("git")
    files.callback(os.close, descriptor)
    # ssh wants a key that only its user can read.
    os.fchmod(descriptor, 0o600)
    Path(path := f"/proc/{os.getpid()}/fd/{descriptor}").write_text(text)
    return path


def _named(pair: tuple[str, str]) -> Iterator[tuple[str, str]]:
    yield "KEY", pair[0]
    yield "VALUE", pair[1]
