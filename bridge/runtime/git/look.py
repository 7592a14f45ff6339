"""All branches and tags of a repository, as its host names them."""

import os
import signal
from contextlib import suppress
from subprocess import DEVNULL, PIPE
from typing import Final

import anyio
from anyio.abc import ByteReceiveStream, Process

from bridge.errors import Denied, Transient
from bridge.model.event import MAX_REF_BYTES
from bridge.model.missed import HostRef
from bridge.runtime.git.access import CloneAccess, chosen
from bridge.runtime.git.failure import failure, is_refusal
from bridge.runtime.git.lending import lent
from bridge.runtime.git.remote import SLOW

SECONDS: Final = 30.0
MAX_REFS: Final = 50_000
_MAX_BYTES: Final = 16 << 20
_MAX_SAID: Final = 4096
_PEELED: Final = "^{}"
REMOTE: Final = "http:https:ssh"
ANY: Final = f"file:git:{REMOTE}"


async def host_refs(
    url: str, access: CloneAccess | None, source: str | None, protocols: str
) -> dict[str, HostRef]:
    """What the branches and tags point to now, by their full names; `protocols` may be asked.

    A ref with a longer name than pushes may have is left out. It takes 30 seconds at most, 50,000 refs and
    16 MiB; Git ends with its caller. Raises Transient, or Denied where the host does not show them to us.
    """
    try:
        address, used = chosen(url, access)
    except ValueError:
        raise Transient("the clone URL cannot be read: correct it") from None
    # Not all of them: hosts keep a ref for each pull request, too.
    command = ["git", *SLOW, "-c", "protocol.version=2", "ls-remote", "--heads", "--tags"]
    try:
        with lent(address, used) as loan, anyio.fail_after(SECONDS):
            environment = {**os.environ, **loan.environment, "GIT_ALLOW_PROTOCOL": protocols, "LC_ALL": "C"}
            status, listed, said = await _run([*command, "--end-of-options", address], environment)
    except FileNotFoundError:
        raise Transient("git is not installed here: install it, so that missed pushes are found") from None
    except TimeoutError:
        raise Transient("git ls-remote did not answer: check the clone URL") from None
    except OSError as error:
        raise Transient(f"git cannot be run here: {error.strerror or error}") from None
    if status:
        why = failure(said[-_MAX_SAID:], address, used, source)
        kind = Denied if is_refusal(said) else Transient
        raise kind(f"the host does not say what its refs are: {why}")
    return _parsed(listed)


def _parsed(listed: str) -> dict[str, HostRef]:
    named = {ref: name for name, _, ref in (line.partition("\t") for line in listed.splitlines())}
    found = {
        ref: HostRef(name, named.get(f"{ref}{_PEELED}", name))
        for ref, name in named.items()
        if not ref.endswith(_PEELED) and len(ref.encode()) <= MAX_REF_BYTES
    }
    if len(found) > MAX_REFS:
        raise Transient(f"the host has {len(found)} branches and tags, and at most {MAX_REFS} are compared")
    return found


async def _run(command: list[str], environment: dict[str, str]) -> tuple[int, str, str]:
    """Status and outputs of a command, which ends with all that it has started."""
    running = await anyio.open_process(
        command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=environment, start_new_session=True
    )
    listed, said = bytearray(), bytearray()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_collect, running.stdout, listed, running)
            tasks.start_soon(_collect, running.stderr, said, running)
        status = await running.wait()
    except BaseException:
        _kill(running)
        with anyio.CancelScope(shield=True):
            await running.wait()
        raise
    if len(listed) > _MAX_BYTES:
        raise Transient(f"the host names more refs than {_MAX_BYTES >> 20} MiB hold")
    return status, listed.decode(errors="replace"), said.decode(errors="replace")


async def _collect(stream: ByteReceiveStream | None, into: bytearray, running: Process) -> None:
    assert stream is not None
    async for chunk in stream:
        into += chunk
        if len(into) > _MAX_BYTES:
            _kill(running)
            return


def _kill(running: Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(running.pid, signal.SIGKILL)  # its helpers, too
