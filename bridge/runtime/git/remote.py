"""What a Git host says of its refs, by `git ls-remote`."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
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
_MAX_LISTED: Final = 32 << 20
_CHUNK: Final = 65_536
SLOW: Final = ("-c", "http.lowSpeedLimit=1000", "-c", f"http.lowSpeedTime={_SECONDS}")
"""A helper of Git that outlives it ends by itself, too."""


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
    command = ["git", *SLOW, "ls-remote", "--exit-code", "--end-of-options", address, *patterns]
    try:
        with lent(address, used) as loan:
            environment = {**os.environ, **loan.environment, "GIT_ALLOW_PROTOCOL": _PROTOCOLS, "LC_ALL": "C"}
            status, listed, said = _run(command, environment)
    except (OSError, TimeoutError):
        raise Transient("git ls-remote did not answer: check the clone URL, or give the commit") from None
    if status in {0, _NO_MATCH}:
        return {ref: sha for sha, _, ref in (line.partition("\t") for line in listed.splitlines())}
    why = failure(said[-_MAX_SAID:], address, used, source)
    raise Transient(f"the host does not say what its refs are: {why}")


def _run(command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
    """Status and outputs of a command, which ends with all that it has started.

    Raises TimeoutError after 30 seconds, Transient for more than 32 MiB, and OSError.
    """
    until = time.monotonic() + _SECONDS
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # its helpers are ended with it
    ) as running:
        try:
            listed, said = _outputs(running, until)
            return running.wait(max(until - time.monotonic(), 1)), listed, said
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise TimeoutError from None
            raise


def _outputs(running: subprocess.Popen[bytes], until: float) -> tuple[str, str]:
    """What it prints, and what it says of failures, until both have ended."""
    found: dict[object, bytearray] = {}
    with selectors.DefaultSelector() as pipes:
        for pipe in (running.stdout, running.stderr):
            assert pipe is not None
            found[pipe] = bytearray()
            pipes.register(pipe, selectors.EVENT_READ)
        while pipes.get_map():
            ready = pipes.select(max(until - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            for key, _ in ready:
                if chunk := os.read(key.fd, _CHUNK):
                    found[key.fileobj] += chunk
                else:
                    pipes.unregister(key.fileobj)
            if sum(map(len, found.values())) > _MAX_LISTED:
                raise Transient(f"the host names more refs than {_MAX_LISTED >> 20} MiB hold")
    listed, said = (text.decode(errors="replace") for text in found.values())
    return listed, said
