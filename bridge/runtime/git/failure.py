"""Why Git failed: the line of its output that says so, and what to do."""

import re
from collections.abc import Callable
from typing import Final

from bridge.runtime.git.access import CloneAccess, protocol_of, web_server

_LONGEST: Final = 300
Cure = Callable[[str, str, CloneAccess | None, str | None], str]
_EMPTY: Final = re.compile(
    r"fatal: could not read from remote repository|please make sure you have|and the repository exists"
    r"|fatal: (?:early eof|the remote end hung up)|.*exit status \d+$",
    re.IGNORECASE,
)
"""What Git adds to the line that matters."""
_DENIED: Final = re.compile(
    r"authentication failed for|could not read (?:username|password) for|repository .*not found"
    r"|returned error: 40[134]|project you were looking for|access denied|authorization error"
    r"|does not appear to be a git repository|you do not have permission",
    re.IGNORECASE,
)
_KEY_DENIED: Final = re.compile(r"permission denied \(.*publickey", re.IGNORECASE)
_HOST_KEY: Final = re.compile(r"host key verification failed", re.IGNORECASE)
_BAD_KEY: Final = re.compile(r"load key .*(?:libcrypto|invalid format|incorrect passphrase)", re.IGNORECASE)
_RESOLVE: Final = re.compile(r"could not resolve host", re.IGNORECASE)
_UNTRUSTED: Final = re.compile(r"certificate (?:problem|verif)|(?:ssl|issuer) certificate", re.IGNORECASE)
_UNREACHED: Final = re.compile(
    r"failed to connect|connection (?:refused|timed out)|no route to host", re.IGNORECASE
)
_TIME: Final = re.compile(r" after \d+ (?:ms|milliseconds|seconds)\b")
"""What differs from one failure to the next of the same kind."""
_PROTOCOL: Final = re.compile(r"transport '(\w+)' not allowed", re.IGNORECASE)


def is_refusal(output: str) -> bool:
    """Whether the host answered, and does not show the repository to us: only a person can change that."""
    return any(pattern.search(output) for pattern in (_HOST_KEY, _BAD_KEY, _KEY_DENIED, _DENIED))


def failure(output: str, url: str, access: CloneAccess | None, source: str | None) -> str:
    """One line: what Git said, or nothing that anyone could use, and the cure of what often happens.

    `url` is without credentials, `access` is what was lent for it, `source` names where a push came from.
    """
    lines = [clean for line in output.splitlines() if (clean := _printable(line))]
    for pattern, cure in _CURES:
        if line := next((line for line in reversed(lines) if pattern.search(line)), None):
            return f"{_bare(line, access)}: {cure(line, url, access, source)}"
    return _bare(_telling(lines), access)


def _telling(lines: list[str]) -> str:
    telling = [line for line in lines if not _EMPTY.match(line)]
    for start in ("fatal: ", "error: ", "remote: ", ""):
        if found := [line for line in telling if line.startswith(start)]:
            return found[-1]
    return ""


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in line).strip()


def _bare(line: str, access: CloneAccess | None) -> str:
    """The line as a part of a sentence; a host may send back whatever it got."""
    if access is not None and access.token:
        line = line.replace(access.token, "***")
    return _TIME.sub("", line)[:_LONGEST].rstrip(".: ")


def _denied(_line: str, url: str, access: CloneAccess | None, source: str | None) -> str:
    if protocol_of(url) == "file":
        return "no repository is there, or this user may not read it"
    if access is not None and access.source:
        if protocol_of(url) == "ssh":
            return f"the key of `sources.{access.source}.clone` may not read it, or it is not there"
        if access.username is not None:
            return f"the token of `sources.{access.source}.clone` may not read it, or has expired"
    if access is not None:
        return "the user and the password in its address do not open it"
    if source is None:
        return "if it is private, give its source in bridge.yaml a `clone`, and name it: `code_repo_source`"
    return (
        f"if it is private, give `sources.{source}.clone` a token for {web_server(url) or 'its host'}: "
        "what is for another `url` is never sent there"
    )


def _key_denied(_line: str, _url: str, access: CloneAccess | None, source: str | None) -> str:
    if access is None:
        return f"give `sources.{source or 'NAME'}.clone` an `ssh_key`, and add its public half at the host"
    return (
        f"the host does not take the key of `sources.{access.source}.clone`: add its public half "
        "to the repository's deploy keys"
    )


def _host_key(_line: str, url: str, access: CloneAccess | None, source: str | None) -> str:
    name = access.source if access else source or "NAME"
    return (
        f"`sources.{name}.clone.known_hosts` has no such key: compare what "
        f"`{keyscan(url)}` prints with what the host publishes, and put it there"
    )


def _not_allowed(line: str, *_: object) -> str:
    found = _PROTOCOL.search(line)
    return f"add {found[1] if found else 'it'} to `protocols` of the builder, if builds may fetch so"


def keyscan(url: str) -> str:
    """The command that prints the keys of the host of an SSH address."""
    rest = url.partition("://")[2] or url.replace(":", "/", 1)
    authority = rest.partition("/")[0].rpartition("@")[2]
    host, _, port = authority.rpartition(":") if re.search(r":\d+$", authority) else (authority, "", "")
    return (
        f"ssh-keyscan -p {port} {host.strip('[]')}" if port else f"ssh-keyscan {host.strip('[]') or 'HOST'}"
    )


_CURES: Final[tuple[tuple[re.Pattern[str], Cure], ...]] = (
    (_HOST_KEY, _host_key),
    (_BAD_KEY, lambda *_: "ssh cannot read the key: make a new one, `ssh-keygen -t ed25519 -N ''`"),
    (_KEY_DENIED, _key_denied),
    (_RESOLVE, lambda *_: "correct the host's name, or the DNS of this machine"),
    (
        _UNTRUSTED,
        lambda *_: "let this machine trust the issuer of its certificate (update-ca-certificates)",
    ),
    (_UNREACHED, lambda *_: "the host does not answer there: check address, port and firewall"),
    (_PROTOCOL, _not_allowed),
    (_DENIED, _denied),
)
"""The first one that a line of the output matches decides."""
