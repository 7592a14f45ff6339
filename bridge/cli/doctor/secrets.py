"""The secrets that the configuration names: whether the user of the daemon reads each, and who else can."""

import os
import pwd
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bridge.cli.doctor.finding import AS_DAEMON, Finding, State
from bridge.config.document import read_documents
from bridge.config.outline import Outline
from bridge.config.types import is_reference

_GROUP: Final = 0o040
_OTHERS: Final = 0o004


@dataclass(frozen=True, slots=True)
class User:
    """Who the daemon runs as, as far as the owner of its store shows."""

    uid: int
    groups: frozenset[int]

    @classmethod
    def of_daemon(cls, outline: Outline) -> "User":
        """The owner of the store, or of what stands beside it; without them the user of this process."""
        try:
            uid = (outline.store_file or outline.home).stat().st_uid
        except OSError:
            uid = os.geteuid()
        try:
            known = pwd.getpwuid(uid)
        except KeyError:
            return cls(uid, frozenset(os.getgroups()) if uid == os.geteuid() else frozenset())
        return cls(uid, frozenset(os.getgrouplist(known.pw_name, known.pw_gid)))

    @property
    def name(self) -> str:
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return str(self.uid)

    def may(self, path: Path, right: int) -> bool:
        """Whether the mode gives it this right: 4 to read, 1 to pass. Raises OSError."""
        if self.uid == 0:
            return True
        info = path.stat()
        if info.st_uid == self.uid:
            return bool(info.st_mode >> 6 & right)
        return bool(info.st_mode >> (3 if info.st_gid in self.groups else 0) & right)

    def reads(self, path: Path) -> bool:
        """Whether it reaches and reads the file. Raises OSError."""
        return all(self.may(folder, 1) for folder in path.absolute().parents) and self.may(path, 4)


async def secrets(outline: Outline, environ: Mapping[str, str]) -> Sequence[Finding]:
    """Each place of a secret, looked up as the daemon does it."""
    user, base = User.of_daemon(outline), outline.file.parent
    (document,) = read_documents(outline.file)
    count, found = 0, []
    for place, source, name in _references(document.data):
        count += 1
        state, what, cure = _look(source, name, base, environ, user)
        if state is not State.OK:
            found.append(Finding(check="secrets", about=place, state=state, what=what, cure=cure))
    if found:
        return found
    what = f"{user.name} can read all {count}" if count else "the configuration names no places of secrets"
    return [Finding(check="secrets", state=State.OK, what=what)]


def _references(value: Any, place: str = "") -> Iterator[tuple[str, str, str]]:
    """The places of secrets in a document, by where they stand: `sources.gitee.secrets[0]`."""
    if is_reference(value):
        ((source, name),) = value.items()
        yield place, source, name
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _references(inner, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _references(inner, f"{place}[{index}]")


def _look(
    source: str, name: str, base: Path, environ: Mapping[str, str], user: User
) -> tuple[State, str, str | None]:
    if source == "env":
        if name in environ:
            return State.OK, "", None
        what = f"the environment variable {name} is not set, neither here nor for the daemon"
        return (
            State.FAIL,
            what,
            f"set it where the daemon starts: `Environment={name}=…`, or an EnvironmentFile",
        )
    if source == "file":
        return _look_at_file(base / name, user, is_credential=False)
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if folder is None:
        what = f"the credential {name} is only there for the daemon"
        return State.SKIPPED, what, f"{AS_DAEMON}, while the daemon runs"
    return _look_at_file(Path(folder) / name, user, is_credential=True)


def _look_at_file(path: Path, user: User, *, is_credential: bool) -> tuple[State, str, str | None]:
    quoted = shlex.quote(str(path))
    try:
        info, reads = path.stat(), user.reads(path)
    except PermissionError:
        what = f"{path} cannot be looked at by this user"
        return State.SKIPPED, what, AS_DAEMON
    except OSError as error:
        cure = f"`LoadCredential={path.name}:…` in the unit" if is_credential else "put the secret there"
        return State.FAIL, f"{path}: {error.strerror}", cure
    if is_credential:  # systemd gives it to the user of the unit, by an access list that no mode shows
        return State.OK, "", None
    if not reads:
        cure = f"`chown {user.name} {quoted}`, and let {user.name} pass the folders above it"
        return State.FAIL, f"{user.name}, who has the store, cannot read {path}", cure
    # Root gives a file to a daemon without it by a group of its own: that is meant.
    is_meant = info.st_uid == 0 and info.st_gid != 0
    if info.st_mode & (_OTHERS if is_meant else _GROUP | _OTHERS):
        cure = f"`chmod {'o' if is_meant else 'go'}-r {quoted}`"
        return State.WARN, f"other users may read {path}", cure
    return State.OK, "", None
