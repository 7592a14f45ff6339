"""What a Git host says of a ref, by `git ls-remote`."""

import os
import subprocess
from typing import Final, Literal

from bridge.errors import Permanent, Transient

_SECONDS: Final = 30
_NO_MATCH: Final = 2
"""The status of `git ls-remote --exit-code` where the host answers, and has no such ref."""
_PROTOCOLS: Final = "file:git:http:https:ssh"


def newest_commit(url: str, kind: Literal["branch", "tag"], name: str) -> str:
    """The commit that the ref points to at the host; tags are peeled.

    Blocks for up to 30 seconds. Raises Permanent where the host has no such ref, and Transient where it does
    not say.
    """
    ref = f"refs/heads/{name}" if kind == "branch" else f"refs/tags/{name}"
    command = ["git", "ls-remote", "--exit-code", "--end-of-options", url, ref, f"{ref}^{{}}"]
    try:
        listed = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"GIT_TERMINAL_PROMPT": "0", "GIT_ALLOW_PROTOCOL": _PROTOCOLS},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise Transient("git ls-remote did not answer: check the clone URL, or give the commit") from None
    found: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        sha, _, listed_ref = line.partition("\t")
        found[listed_ref] = sha
    if ref in found:
        return found.get(f"{ref}^{{}}", found[ref])
    if listed.returncode == _NO_MATCH:
        raise Permanent(f"the host has no {kind} {name}: correct the name")
    raise Transient("the host does not say what its refs are: check the clone URL, or give the commit")
