"""Images that were built and may still have to be pushed: each in a folder `<build id>.image`.

`lock`        held by the runner that uses the image, and by who removes it
`image.json`  what the image is; absent until it is built, removed with everything else when it is pushed
`digest`      the digest that the last push wrote (buildah, podman)
`store`, `run`   the engine's own places (buildah, podman); docker has its images elsewhere
`tree`        the checkout, where the engine pushes out of a cache

The folder is beside that of its build, which is released earlier: an image that no registry took is kept for
a day, so that another run of the same build only pushes it. Like the folder of a build, this is standard
library only.
"""

import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from bridge.builders.local.folder import BuildSpec, Folder, boot_id, remove, write_whole
from bridge.builders.local.limits import Limits

KEEP_SECONDS: Final = 24 * 3600.0
MAX_KEPT: Final = 10
"""So many images of one builder are kept after their builds; of more, the oldest go."""
_SUFFIX: Final = ".image"


@dataclass(slots=True, kw_only=True)
class Record:
    """What `image.json` says.

    `owner` is the build whose run uses the image, `key` what the image was made of. `pushed` are the names
    that the registry has from the owner, `left_out` says what the checkout lacked. `boot` names the start of
    the system whose end may damage the image; it is None once all of it is on disk. `expires` is a Unix time,
    None while the owner has not ended. `time` is that of the commit, in Unix seconds.
    """

    owner: str
    key: str
    engine: str
    commit: str
    boot: str | None
    pushed: list[str]
    left_out: list[str] = field(default_factory=list)
    expires: float | None = None
    time: int = 0


@dataclass(slots=True)
class Image:
    """The folder of one image; without a `record` it is not built."""

    path: Path
    record: Record | None = None
    _lock: int | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The name under which the engine knows it."""
        return f"localhost/buildbridge:{self.path.stem}"

    @property
    def tree(self) -> Path:
        """The place for the checkout, where a push needs it."""
        return self.path / "tree"

    @property
    def engine(self) -> str:
        """What made it; empty where it is not built."""
        return self.record.engine if self.record else ""

    @property
    def is_kept(self) -> bool:
        return self.record is not None and self.record.expires is not None

    def create(self) -> None:
        """Make the folder anew, and lock it. Raises OSError."""
        self.unlock()
        remove(self.path)
        self.path.mkdir(mode=0o700, exist_ok=True)
        self.lock()

    def lock(self) -> bool:
        """Lock the image; False while another process has it, or where it is no more as it was read."""
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        if _read(self.path) != self.record:
            self.unlock()
            return False
        return True

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def built(self, **facts: Any) -> None:
        """Record these facts of the image."""
        self.record = Record(boot=boot_id() or "", pushed=[], **facts)
        self._save()

    def taken_by(self, owner: str) -> None:
        """Let another build push it, to all names: since it was kept, others may have taken some of them."""
        if self.record is not None and (self.record.owner, self.record.expires) != (owner, None):
            self.record = replace(self.record, owner=owner, expires=None, pushed=[])
            self._save()

    def pushed(self, *names: str) -> None:
        assert self.record is not None
        self.record.pushed.extend(names)
        self._save()

    def settle(self) -> None:
        """Put all of the image on disk, so that a power cut does it no harm."""
        if self.record is not None and self.record.boot is not None:
            _sync_all(self.path)
            self.record.boot = None
            self._save()

    def keep(self, until: float) -> None:
        """Keep the image for another run."""
        self.settle()
        if self.record is not None:
            self.record.expires = until
            self._save()

    def condemn(self) -> None:
        """Let no run use it any more, before what it consists of is removed piece by piece."""
        if self.record is not None:
            self.record.expires = 0.0
            self._save()

    def _save(self) -> None:
        assert self.record is not None
        # A full disk must not end a build whose image is good: the record is only for after a crash.
        with contextlib.suppress(OSError):
            write_whole(self.path / "image.json", json.dumps(asdict(self.record)).encode())


def own_image(folder: Folder) -> Image:
    """The place for the image of a build, as if it were not built."""
    return Image(folder.path.with_name(f"{folder.path.name}{_SUFFIX}"))


def usable_image(folder: Folder, spec: BuildSpec, now: float) -> Image | None:
    """The image that this build only has to push, locked.

    That is the one which an earlier runner of this build made, or a kept one that was made of the same.
    """
    owner, key = folder.path.name, content_key(spec)
    for image in _images(folder.path.parent):
        record = image.record
        if record is None or record.boot not in {None, boot_id()}:
            continue
        is_own = record.owner == owner
        is_same = key is not None and record.key == key and image.is_kept
        is_good = record.expires is None or record.expires > now
        if (is_own or is_same) and is_good and image.lock():
            image.taken_by(owner)
            return image
    return None


def content_key(spec: BuildSpec) -> str | None:
    """The same for two builds exactly if they make the same image with the same names.

    None where the commit is known only after the checkout.
    """
    if not spec.request.commit:
        return None
    made_of = replace(
        spec,
        request=replace(spec.request, build_id="", number=0),
        timeout=0,
        push_for=0,
        log_limit=0,
        max_tree=0,
        cache=False,
        limits=Limits(),
        path="",
    )
    return hashlib.sha256(made_of.dump()).hexdigest()


def superfluous(state: Path, now: float, *, all_kept: bool) -> list[Image]:
    """The images that no run will push: over their time, over the number, or without a build.

    With `all_kept`, also those that are only kept for a run that may come.
    """
    found = list(_images(state))
    kept = sorted((image for image in found if image.is_kept), key=_expires, reverse=True)
    spared = [] if all_kept else [image for image in kept[:MAX_KEPT] if _expires(image) > now]
    return [
        image
        for image in found
        if image not in spared and (image.is_kept or not Folder(state / _owner(image)).known())
    ]


def _owner(image: Image) -> str:
    return image.record.owner if image.record else image.path.stem


def _expires(image: Image) -> float:
    return (image.record and image.record.expires) or 0.0


def _images(state: Path) -> Iterator[Image]:
    for path in sorted(state.glob(f"*{_SUFFIX}")):
        yield Image(path, _read(path))


def _read(path: Path) -> Record | None:
    try:
        return Record(**json.loads((path / "image.json").read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _sync_all(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        ctypes.CDLL(None).syncfs(descriptor)
    finally:
        os.close(descriptor)
