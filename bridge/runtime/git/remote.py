"""What a Git host says of its refs, by `git ls-remote`."""

import os
import subprocess
from typing import Final, Literal

from bridge.errors import Permanent, Transient
from bridge.runtime.git.access import CloneAccess, chosen
from bridge.runtime.git.failure import failure
from bridge.runtime.git.lending import lent

_SECONDS: Final = 30
_NO_MATCH: Final = 2
"""The status of `git ls-remote --exit-code` where the host answers, and has no such ref."""
_PROTOCOLS: Final = "file:git:http:https:ssh"
_MAX_SAID: Final = 4096


def newest_commit(
    url: str,
    kind: Literal["branch", "tag"],
    name: str,
    access: CloneAccess | None = None,
    source: str | None = None,
) -> str:
    """The commit that the ref points to at the host; tags are peeled.

    `source` is the one that the code is from, and `access` what it has for private code. Blocks for up to 30
    seconds. Raises Permanent where the host has no such ref, and Transient where it does not say.
    """
    ref = f"refs/heads/{name}" if kind == "branch" else f"refs/tags/{name}"
    found = refs(url, access, source, ref, f"{ref}^{{}}")
    if ref in found:
        return found.get(f"{ref}^{{}}", found[ref])
    raise Permanent(f"the host has no {kind} {name}: correct the name")


def refs(url: str, access: CloneAccess | None, source: str | None, *patterns: str) -> dict[str, str]:
    """The refs of a repository, or those that match, with what they point to.

    Blocks for up to 30 seconds. Raises Transient.
    """
    try:
        address, used = chosen(url, access)
    except ValueError:
        raise Transient("the clone URL cannot be read: correct it") from None
    command = ["git", "ls-remote", "--exit-code", "--end-of-options", address, *patterns]
    with lent(address, used) as loan:
        try:
            listed = subprocess.run(
                command,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **loan.environment, "GIT_ALLOW_PROTOCOL": _PROTOCOLS, "LC_ALL": "C"},
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            raise Transient("git ls-remote did not answer: check the clone URL, or give the commit") from None
    if listed.returncode in {0, _NO_MATCH}:
        return {ref: sha for sha, _, ref in (line.partition("\t") for line in listed.stdout.splitlines())}
    why = failure(listed.stderr[-_MAX_SAID:], address, used, source)
    raise Transient(f"the host does not say what its refs are: {why}")
