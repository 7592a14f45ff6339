"""Sessions: browsers in which somebody has signed in with a token."""

from dataclasses import dataclass, replace
from typing import Final

from bridge.model.access import Principal, Role

IDLE_SECONDS: Final = 7 * 86400.0
"""A session ends that is not used for so long."""
LONGEST_SECONDS: Final = 30 * 86400.0
"""A session ends after so long, however it is used."""
MAX_OF_TOKEN: Final = 200
"""How many sessions one token has: of more than that the oldest end."""
MAX_AGENT: Final = 200
"""Characters that are kept of what a browser says of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A browser that is signed in, as far as it is kept: its secret is not.

    `id` is the SHA-256 of the secret in hex. `token_id` is None for one of api.tokens; then `proof` is an
    HMAC of that, keyed with the secret. Times are Unix seconds; `address` is that of who signed in.
    """

    id: str
    name: str
    role: Role
    token_id: str | None
    proof: str | None
    created_at: float
    seen_at: float
    expires_at: float
    address: str
    agent: str

    @property
    def place(self) -> str:
        """Where it stands in a list, also after it has ended: its time, and its id where times are equal."""
        return f"{self.created_at!r}-{self.id}"

    @property
    def ends_at(self) -> float:
        """When it ends if it is not used any more."""
        return min(self.expires_at, self.seen_at + IDLE_SECONDS)

    def caller(self, principal: Principal) -> Principal:
        """The caller whose token it is, as the one who sends this session."""
        return replace(principal, session_id=self.id)
