"""What a form of a page sends, and that it is done once, however often it is sent."""

import re
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final
from urllib.parse import parse_qsl
from uuid import UUID

from starlette.requests import Request

from bridge.web.api.body import body_of
from bridge.web.api.core.errors import Invalid

MAX_FIELDS: Final = 500
ONCE: Final = "once"
"""The field that is another each time a form is shown."""
PAGE: Final = "page"
"""The field that says on which page the form stands."""


_SEPARATORS: Final = re.compile(r"[\s,;，、；]+")  # noqa: RUF001  # as they are typed
_LOCAL: Final = re.compile(r"/(?![/\\])[!-\[\]-~]{0,2000}")
"""The path of a page of ours: a browser takes a second slash, or a backslash, for another host."""


def local_path(text: str) -> str:
    """The address below our own that a form wants to go to; the overview for any other."""
    return text if _LOCAL.fullmatch(text) else "/"


class Form:
    """The fields of a form, each of which may come several times."""

    def __init__(self, fields: Sequence[tuple[str, str]], digest: str = "") -> None:
        self._digest = digest
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        """The value of a field, without space around it; empty where it was not sent."""
        return self._fields.get(name, [""])[0].strip()

    def text(self, name: str) -> str:
        """The value of a field to the letter, but for line ends, which browsers send as CR LF."""
        return self._fields.get(name, [""])[0].replace("\r\n", "\n")

    def names(self, name: str) -> Sequence[str]:
        """The names in a field; what separates them may be of a Chinese keyboard."""
        return [one for one in _SEPARATORS.split(self[name]) if one]

    def all(self, name: str) -> Sequence[str]:
        """All values of a field."""
        return self._fields.get(name, [])

    @property
    def key(self) -> str:
        """What it is done once under; another when other things are filled in. Raises Invalid without one."""
        if not self[ONCE]:
            raise Invalid([f"{ONCE}: the form is incomplete: open its page again"])
        return f"{self[ONCE]}.{self._digest}"

    @property
    def values(self) -> Mapping[str, str]:
        """The fields by name; of several values the first one."""
        return {name: values[0] for name, values in self._fields.items()}


def following(claim_id: str, place: int) -> str:
    """The id of one of several rows that one form makes: the same when the form is sent again."""
    return str(UUID(int=UUID(claim_id).int + place))


async def form_of(request: Request) -> Form:
    """What the form has sent. Raises Invalid."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Invalid(["the body is no form: send application/x-www-form-urlencoded"])
    body = await body_of(request)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise Invalid([f"the form has over {MAX_FIELDS} fields, or is no UTF-8"]) from None
    return Form(fields, blake2b(body, digest_size=16).hexdigest())
