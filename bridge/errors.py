"""The exceptions of the bridge, grouped by who has to act.

BridgeError
├── ConfigError          the operator, before or at start: carries every fault found
├── DeliveryError        the sender of a webhook
│   ├── UnknownSource    404
│   ├── BadSignature     401
│   │   └── NoSignature  the request has no signature and no token
│   ├── PayloadTooLarge  413
│   ├── BadDelivery      400: not a well-formed delivery of this host
│   └── BadPayload       found after the 202, and recorded on the delivery
├── CannotRetry          who asks for another run of a build: 409
├── CannotReplay         who asks for a notice once more: 409
├── CannotList           who asks for rows by filters that do not go together: 400
├── RemoteError          a builder or a channel
│   ├── Transient        may succeed later
│   └── Permanent        cannot succeed until a person changes something
│       └── Denied       the credential is not accepted
└── StoreError           the store cannot be used now; nothing was written
    ├── StoreDied        its writer has ended: only a restart helps
    │   └── StoreReplaced  its file was taken away
    └── StoreTooNew      the store belongs to a newer release
"""

from collections.abc import Sequence
from dataclasses import dataclass


class BridgeError(Exception):
    """The root; its text is a sentence for people and contains no secret."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file: `place` is `file:line:column`, `path` a dotted key, `problem` a sentence.

    As a text it is one printable line, whatever the file contains.
    """

    place: str
    path: str
    problem: str
    warning: bool = False

    def __str__(self) -> str:
        where = f"{self.place}: {self.path}" if self.path else self.place
        text = f"{where}: {self.problem}"
        return "".join(letter if letter.isprintable() else "?" for letter in text)


class ConfigError(BridgeError):
    """The configuration or the rules cannot be used; `faults` are all that were found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class DeliveryError(BridgeError):
    """The delivery is rejected; `status` is that of the HTTP answer, `reason` its word in metrics."""

    status = 400
    reason = "malformed"


class UnknownSource(DeliveryError):
    status = 404
    reason = "unknown"


class BadSignature(DeliveryError):
    status = 401
    reason = "signature"


class NoSignature(BadSignature):
    """The request has no signature and no token, or an empty one."""

    reason = "unsigned"


class PayloadTooLarge(DeliveryError):
    status = 413
    reason = "size"


class BadDelivery(DeliveryError):
    status = 400


class BadPayload(DeliveryError):
    """The delivery is verified, but its body cannot be understood."""


class CannotRetry(BridgeError):
    """The build cannot have another run: it has not ended, or is damaged or gone."""


class CannotReplay(BridgeError):
    """The notice cannot be sent once more: it is still to be sent, is damaged, or gone."""


class CannotList(BridgeError):
    """No index finds what these filters ask for together."""


class RemoteError(BridgeError):
    """A call to a builder or a channel failed."""


class Transient(RemoteError):
    """The call may succeed later: after `after` seconds, where the other side names them."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class NotSent(Transient):
    """The request cannot have reached the server."""


class Unanswered(Transient):
    """The request may have reached the server, but there was no answer."""


class Permanent(RemoteError):
    """The call cannot succeed until a person changes something."""


class Denied(Permanent):
    """The other side does not accept our credential, or it may not do this: the operator has to change it."""


class StoreError(BridgeError):
    """The store cannot take the write now; none of it was written."""


class StoreDied(StoreError):
    """The store's writer has ended: nothing can be written until the process is started again."""


class StoreReplaced(StoreDied):
    """The store's file was moved, deleted, replaced or emptied while it was open."""


class StoreTooNew(StoreError):
    """The store was written by a newer release, and this one must not write to it."""
