"""`clone` of a source: what builds on this machine fetch its private code with."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from bridge.config.forges import USUAL, ForgeTraits
from bridge.config.types import LookedUp, Secret, SecretContext, Strict, server_url, wrong
from bridge.runtime.git.access import CloneAccess, web_server

_OPENSSH: Final = b"openssh-key-v1\0"
_NO_CIPHER: Final = b"\0\0\0\4none"
_BLOCK: Final = re.compile(
    r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----\n(.*?)\n-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
)
_PUBLIC: Final = re.compile(r"(?:ssh-|ecdsa-|sk-)[\w@.-]+ ")
_HOST_KEY: Final = re.compile(r"(?:@cert-authority\s+)?[^\s#@]\S*\s+[\w@.-]+\s+[A-Za-z0-9+/]{40,}=*(?:\s.*)?")


_Namespace = Annotated[str, Field(min_length=1, max_length=255)]


def _host(value: str) -> str:
    base = web_server(server_url(value, "clone_url", "https://git.example.com"))
    if base is None or urlsplit(value).path.strip("/"):
        raise wrong("clone_url", "must be the address of the host alone, such as https://git.example.com")
    return base


def _user(value: str) -> str:
    if ":" in value or not value.isprintable():
        raise wrong("username", "must not contain ':' or control characters: Git cannot send them")
    return value


def _is_unread(info: ValidationInfo) -> bool:
    return isinstance(info.context, SecretContext) and info.context.unread


def _token(value: Secret) -> Secret:
    if not value.reveal().isprintable():
        raise wrong("token", "must be one line without control characters: copy it anew")
    return value


def _ssh_key(value: Secret, info: ValidationInfo) -> Secret:
    """The key with the line ends that ssh wants."""
    text = value.reveal().replace("\r\n", "\n").strip() + "\n"
    return value if _is_unread(info) and text == "\n" else Secret(_usable(text))


def _usable(text: str) -> str:
    found = _BLOCK.search(text)
    if found is None:
        problem = "is no private key of ssh: `ssh-keygen -t ed25519 -N '' -f KEY` makes one"
        if _PUBLIC.match(text):
            problem = "is the public half of the key, which the host gets: give the file without .pub"
        elif text.startswith("PuTTY"):
            problem = "is a key of PuTTY: `puttygen KEY.ppk -O private-openssh -o KEY` writes one for ssh"
        raise wrong("ssh_key", problem)
    if "ENCRYPTED" in found[0].partition("\n\n")[0] or _is_encrypted(found[2]):
        problem = (
            "needs a pass phrase, and no one is there to type it: remove it, `ssh-keygen -p -N '' -f KEY`"
        )
        raise wrong("ssh_key", problem)
    return text


def _is_encrypted(body: str) -> bool:
    try:
        data = base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error:
        # The older form has headers, which say so themselves.
        return False
    return data.startswith(_OPENSSH) and not data.startswith(_OPENSSH + _NO_CIPHER)


def _known_hosts(value: str, info: ValidationInfo) -> str:
    lines = [line.strip() for line in value.replace("\r\n", "\n").split("\n")]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys and _is_unread(info):
        return value
    if bad := next((line for line in keys if not _HOST_KEY.fullmatch(line)), None if keys else ""):
        problem = f"{bad[:60]!r} is no line such as `ssh-keyscan HOST` prints: host, kind of key, key"
        raise wrong("known_hosts", problem)
    if not keys:
        raise wrong(
            "known_hosts",
            "has no key of a host: `ssh-keyscan HOST` prints them, `-p PORT` before it for another port",
        )
    return "\n".join(keys) + "\n"


class CloneSettings(Strict):
    """Where a host's private code is, and what opens it: a token over https, a key over SSH, or both.

    The token is sent to `url` and nowhere else, whatever address a push names. The key is used for hosts that
    `known_hosts` has, and for no others.
    """

    url: Annotated[str, Field(max_length=2048), AfterValidator(_host)] | None = None
    """The address of the host alone, such as https://git.example.com; if left out, that of the host which
    everyone uses, where the kind has one."""
    username: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_user)] | None = None
    """The user name that goes with the token; where a host takes any name, it may be left out."""
    token: Annotated[Secret, AfterValidator(_token)] | None = None
    """A token that may read the repositories, or a password."""
    ssh_key: Annotated[Secret, AfterValidator(_ssh_key)] | None = None
    """A private key without a pass phrase, such as that of a deploy key."""
    known_hosts: Annotated[LookedUp, AfterValidator(_known_hosts)] | None = None
    """The lines of `ssh-keyscan HOST`, once they were compared with what the host publishes; with ssh_key."""
    prefer: Literal["https", "ssh"] | None = None
    """What to fetch over where there are both a token and a key; if left out, https."""
    namespaces: Annotated[tuple[_Namespace, ...], Field(strict=False, max_length=1000)] = ()
    """The namespaces of the bridge whose rules made by API may use it, too; rules in files always may."""

    @model_validator(mode="after")
    def _opens_something(self) -> "CloneSettings":
        if self.token is None and self.ssh_key is None:
            raise wrong("clone", "opens nothing: give a token, or ssh_key with known_hosts")
        if self.token is None and self.username is not None:
            raise wrong("clone", "username is for a token: give one, or leave username out")
        if (self.ssh_key is None) != (self.known_hosts is None):
            if self.ssh_key is None:
                raise wrong("clone", "known_hosts is for ssh_key: give one, or leave known_hosts out")
            host = urlsplit(self.url).hostname if self.url else "HOST"
            raise wrong(
                "clone",
                "known_hosts is missing, so that anyone could pretend to be the host: write what "
                f"`ssh-keyscan {host}` prints into a file, compare it with what the host publishes, and "
                "give known_hosts: {file: FILE}",
            )
        if self.prefer == "ssh" and self.ssh_key is None:
            raise wrong("clone", "prefer: ssh needs ssh_key and known_hosts")
        if self.prefer == "https" and self.token is None:
            raise wrong("clone", "prefer: https needs a token")
        return self

    @property
    def prefers_ssh(self) -> bool:
        return self.prefer == "ssh" or self.token is None

    def completed(self, kind: str, forges: Mapping[str, ForgeTraits]) -> "CloneSettings":
        """With what the kind of host says of itself. Raises PydanticCustomError for what it does not say."""
        traits = forges.get(kind, USUAL)
        url = self.url or traits.public_host
        if url is None:
            raise wrong(
                "clone", f"url is missing: the address of your {kind}, such as https://git.example.com"
            )
        username = self.username or (traits.clone_username if self.token else None)
        if self.token and username is None:
            raise wrong("clone", f"username is missing: {kind} wants the one that the token belongs to")
        return self.model_copy(update={"url": url, "username": username})

    def access(self, source: str) -> CloneAccess:
        """The same for Git; of a `completed` one whose secrets were read."""
        return CloneAccess(
            source=source,
            base=self.url or "",
            username=self.username,
            token=self.token.reveal() if self.token else "",
            ssh_key=self.ssh_key.reveal() if self.ssh_key else "",
            known_hosts=self.known_hosts or "",
            prefers_ssh=self.prefers_ssh,
        )
