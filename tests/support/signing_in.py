"""Browsers that are signed in."""

from support.api import KEY
from support.scripted import Store

from bridge.model.access import IssuedToken, Principal, Role
from bridge.web.api.core.sessions import SessionAccess
from bridge.web.api.credentials import Credentials

SAME = {"sec-fetch-site": "same-origin"}
"""What a browser says of a request of our own pages."""
ADDRESS = "192.0.2.9"


async def signed_in(store: Store, token: IssuedToken | str, *, name: str = "buildbridge") -> dict[str, str]:
    """The header of a browser that has signed in with this token."""
    principal = Principal(name="api.tokens", role=Role.ADMIN) if isinstance(token, str) else token.principal
    text = token if isinstance(token, str) else Credentials([KEY]).token(token)
    access = SessionAccess(store, store.clock)
    return {"cookie": f"{name}={await access.start(principal, text, origin=ADDRESS, agent='a browser')}"}
