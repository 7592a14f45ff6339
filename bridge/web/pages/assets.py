"""The files of the pages: each under a name that has a digest of its content, so that browsers keep it."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_MEDIA_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class _Asset:
    media_type: str
    content: bytes
    zipped: bytes


class Assets:
    """The files of the folder `static`, in memory."""

    def __init__(self, content: Mapping[str, bytes]) -> None:
        self._paths: dict[str, str] = {}
        self._by_name: dict[str, _Asset] = {}
        for name, data in content.items():
            stem, _, ending = name.rpartition(".")
            hashed = f"{stem}.{blake2b(data, digest_size=6).hexdigest()}.{ending}"
            self._paths[name] = f"/static/{hashed}"
            self._by_name[hashed] = _Asset(_MEDIA_TYPES[ending], data, gzip.compress(data, mtime=0))

    def path(self, name: str) -> str:
        """The path of a file. Raises KeyError for one that there is not."""
        return self._paths[name]

    async def show(self, request: Request) -> Response:
        """The view of `/static/{name}`."""
        asset = self._by_name.get(request.path_params["name"])
        if asset is None:
            raise HTTPException(404)
        headers = {"cache-control": _FOREVER, "vary": "Accept-Encoding", "x-content-type-options": "nosniff"}
        zips = "gzip" in request.headers.get("accept-encoding", "")
        if zips:
            headers["content-encoding"] = "gzip"
        return Response(asset.zipped if zips else asset.content, headers=headers, media_type=asset.media_type)


@cache
def assets() -> Assets:
    """Those of this release."""
    folder = files("bridge.web.pages") / "static"
    return Assets({file.name: file.read_bytes() for file in folder.iterdir()})
