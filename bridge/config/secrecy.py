"""Warnings of secrets that others may know: too short, in plain text, or in a file that others may read."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel

from bridge.config.document import Document, Loc, value_at
from bridge.config.settings import SHORTEST_SECRET, Settings
from bridge.config.types import Secret, SecretContext
from bridge.errors import Fault

_OUR_LISTS: Final = frozenset({("sources", "secrets"), ("builders", "wake_secrets")})
"""Secrets of each source and builder that we verify with; those of other systems have their own length."""
_OUR_TOKENS: Final = frozenset({("api", "tokens"), ("metrics", "tokens")})
_PLAIN: Final = "the secret is here in plain text: write {env: NAME}, {file: /path} or {credential: NAME}"
_NO_VARIABLE: Final = "the secret is this text, since no $NAME is replaced: write {env: NAME}"
_VARIABLE: Final = re.compile(r"\$\{?\w+\}?")
"""What a shell replaces by the value of an environment variable."""
_CREDENTIALS: Final = Path("/run/credentials")
"""Where systemd puts credentials: only the service can look into its folder there."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_GROUP: Final = 0o040
_OTHERS: Final = 0o004


class SecretWarnings:
    """Finds the warnings of one document, each file once."""

    def __init__(self, document: Document, context: SecretContext) -> None:
        self._document = document
        self._context = context
        self._files: set[Path] = set()

    def of(self, value: object, loc: Loc = ()) -> Iterator[Fault]:
        """Those of all secrets in a model; `loc` is its place in the document."""
        if isinstance(value, Secret):
            for problem in self._problems(value, value_at(self._document.data, loc), loc):
                yield self._document.fault(loc, problem, warning=True)
        for key, inner in _children(value):
            yield from self.of(inner, (*loc, key))

    def on_the_way(self, settings: Settings) -> Iterator[Fault]:
        """Those of secrets that go over the network as they are: to private code, and with traces."""
        for name, source in settings.sources.items():
            url = source.clone.url or "" if source.clone and source.clone.token else ""
            if url.startswith("http:") and urlsplit(url).hostname not in _LOOPBACK:
                problem = f"everyone on the way to {url} can read the token: fetch over https, or over SSH"
                yield self._document.fault(("sources", name, "clone", "url"), problem, warning=True)
        url = settings.tracing.endpoint if settings.tracing and settings.tracing.headers else ""
        if url.startswith("http:") and urlsplit(url).hostname not in _LOOPBACK:
            problem = f"everyone on the way to {url} can read the headers: send over https"
            yield self._document.fault(("tracing", "endpoint"), problem, warning=True)

    def _problems(self, secret: Secret, written: object, loc: Loc) -> Iterator[str]:
        match written:
            case None:  # it stands at another builder, whose server this one has
                return
            case str() if _VARIABLE.fullmatch(written):
                yield _NO_VARIABLE
                return
            case str():
                yield _PLAIN
            case {"file": str(name)}:
                yield from self._file_problems(self._context.base / name)
        is_ours = (loc[:1] + loc[2:3]) in _OUR_LISTS or loc[:2] in _OUR_TOKENS
        if is_ours and 0 < len(secret.reveal()) < SHORTEST_SECRET:
            yield (
                f"is shorter than {SHORTEST_SECRET} characters, and can be guessed: "
                "`openssl rand -hex 32` prints a good one"
            )

    def _file_problems(self, path: Path) -> Iterator[str]:
        if path in self._files or self._is_credential(path):
            return
        self._files.add(path)
        try:
            info = path.stat()
        except OSError:
            return  # it was there a moment ago
        # Root gives a file to a daemon without it by a group of its own: that is meant.
        is_meant = info.st_uid == 0 and info.st_gid != 0
        if info.st_mode & (_OTHERS if is_meant else _GROUP | _OTHERS):
            yield (
                f"other users may read the secret file: `chmod {'o' if is_meant else 'go'}-r "
                f"{shlex.quote(str(path))}`"
            )

    def _is_credential(self, path: Path) -> bool:
        folders = [_CREDENTIALS, Path(self._context.environ.get("CREDENTIALS_DIRECTORY") or _CREDENTIALS)]
        return any(path.is_relative_to(folder) for folder in folders)


def _children(value: object) -> Iterator[tuple[str | int, Any]]:
    match value:
        case BaseModel():
            fields = type(value).model_fields
            yield from ((field.alias or name, getattr(value, name)) for name, field in fields.items())
        case dict():
            yield from value.items()
        case list() | tuple():
            yield from enumerate(value)
