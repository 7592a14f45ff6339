"""E-mail addresses of commits, in the form in which they are compared."""

import re
from typing import Final

# Hosts give who hides the address one of these, in which the number may be missing:
# 123+ann@users.noreply.github.com, 123-ann@users.noreply.gitlab.com, 123+ann@user.noreply.gitee.com,
# ann@noreply.gitea.example.com.
_HIDDEN: Final = re.compile(r"\d+([+-])(.+)@((?:users?\.)?noreply\..+)")
_GITHUB: Final = "users.noreply.github.com"


def address_key(email: str | None) -> str:
    """The same for all forms of one address: lower case, without the number before a hidden one's login.

    Empty where nothing may be compared: without an address, and for that of a bot, such as
    `dependabot[bot]@users.noreply.github.com`.
    """
    address = (email or "").strip().lower()
    local, _, domain = address.rpartition("@")
    if not local or not domain or local.endswith("[bot]"):
        return ""
    found = _HIDDEN.fullmatch(address)
    # At GitHub a login may begin with a number and a dash.
    if found and (found[1] == "+" or found[3] != _GITHUB):
        return f"{found[2]}@{found[3]}"
    return address
