"""What lets Git fetch private code of one host, and where it may be used.

A push names its clone address, and whoever knows the secret of one webhook can send any address. So a token
goes to the host that the operator named, and to no other, and a key to hosts whose keys the operator gave.

Like all of this package but `remote` and `look`, it uses only the standard library: a local build's runner
imports it.
"""

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Final
from urllib.parse import unquote, urlsplit

_WEB_PORTS: Final = {"https": 443, "http": 80}
_HOST: Final = re.compile(r"[\w.-]+|[0-9a-f:.]+")
"""A name, in letters of any script, or an IP address without its brackets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloneAccess:
    """A token for the web server at `base`, or an SSH key for the hosts in `known_hosts`, or both.

    `source` is the name of the source in the configuration; empty where the clone address itself has the
    user and the password. `base` is as `web_server` returns it.
    """

    source: str
    base: str
    username: str | None = None
    token: str = field(default="", repr=False)
    ssh_key: str = field(default="", repr=False)
    known_hosts: str = ""
    prefers_ssh: bool = False

    def is_for(self, url: str) -> bool:
        """Whether it may be used for a repository at this address, and for the submodules of that."""
        if protocol_of(url) == "ssh":
            return bool(self.ssh_key)
        return web_server(url) == self.base

    def address(self, url: str) -> str:
        """Where to fetch what is at `url`: its SSH address, where that is preferred."""
        if not self.prefers_ssh or web_server(url) != self.base:
            return url
        parts = urlsplit(url)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"git@{host}:{unquote(parts.path).lstrip('/')}"


def dump(access: CloneAccess | None) -> bytes:
    """Never empty, so that who reads it can tell nothing to lend from a writer that ended too early."""
    return json.dumps(access and asdict(access)).encode()


def load(data: bytes) -> CloneAccess | None:
    """What was dumped. Raises ValueError for what is not whole."""
    found = json.loads(data)
    return found and CloneAccess(**found)


def web_server(url: str) -> str | None:
    """Scheme, host and port of an http or https address, so that two of them can be compared; else None."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    # What programs read differently is no address of any host.
    if parts.scheme not in _WEB_PORTS or not parts.hostname or "\\" in url or not url.isprintable():
        return None
    # It becomes a heading in Git's configuration, and names a host in any script.
    if not _HOST.fullmatch(parts.hostname):
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in {None, _WEB_PORTS[parts.scheme]} else "")


def split_credentials(url: str) -> tuple[str, CloneAccess | None]:
    """A clone URL without its user and password, and what they give access to.

    The user name of an SSH URL is an address, not a credential, and stays. Raises ValueError.
    """
    parts = urlsplit(url)
    userinfo, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    user, _, password = userinfo.partition(":")
    if parts.scheme not in _WEB_PORTS:
        return parts._replace(netloc=f"{user}@{host}").geturl(), None
    bare = parts._replace(netloc=host).geturl()
    base = web_server(bare)
    given = CloneAccess(source="", base=base or "", username=unquote(user), token=unquote(password))
    return bare, given if base else None


def chosen(url: str, access: CloneAccess | None) -> tuple[str, CloneAccess | None]:
    """The address to fetch from, without credentials, and what may be used there. Raises ValueError.

    What a source has for the host takes the place of what stands in the address.
    """
    bare, in_address = split_credentials(url)
    if access is None or not access.is_for(bare):
        return bare, in_address
    return access.address(bare), access


def protocol_of(url: str) -> str:
    """The protocol of a clone URL, or of an address that Git also takes: a path, or host:path."""
    scheme, separator, _ = url.partition("://")
    if separator:
        return scheme.lower()
    return "file" if url.startswith("/") else "ssh"
