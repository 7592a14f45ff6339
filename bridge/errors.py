"""The exceptions of the bridge, by who has to act.

BridgeError
├── ConfigError          the operator, before or at start: carries every fault found
├── DeliveryError        the sender of a webhook
│   ├── UnknownSource    404
│   ├── BadSignature     401
│   │   └── NoSignature  nothing came that could prove anything
│   ├── PayloadTooLarge  413
│   ├── BadDelivery      400: a header the host always sends is missing
│   └── BadPayload       found after the 202: recorded on the delivery
├── RemoteError          a builder or a channel
│   ├── Transient        may work later
│   └── Permanent        will not work until a person changes something
└── StoreError           the database cannot be used now: nothing was written
    ├── StoreDied        its writer has ended: only a restart helps
    └── StoreTooNew      written by a newer release: this one must not touch it
"""

from collections.abc import Sequence
from dataclasses import dataclass


class BridgeError(Exception):
    """The root; its text is a sentence for people and holds no secret."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a file: `place` is `file:line:column`, `path` a dotted key, `problem` a sentence.

    As a text it is always one printable line, whatever stands in the file.
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
    """The configuration or the rules cannot be used; `faults` holds all that was found."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class DeliveryError(BridgeError):
    """A delivery was refused; `status` is the HTTP answer."""

    status = 400


class UnknownSource(DeliveryError):
    status = 404


class BadSignature(DeliveryError):
    status = 401


class NoSignature(BadSignature):
    """The sender gave no proof at all: no header with a token or a signature, or an empty one."""


class PayloadTooLarge(DeliveryError):
    status = 413


class BadDelivery(DeliveryError):
    status = 400


class BadPayload(DeliveryError):
    """The body is authentic but cannot be understood."""


class RemoteError(BridgeError):
    """A builder or a channel did not do what was asked."""


class Transient(RemoteError):
    """Worth another try, in `after` seconds where the other side said so."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class Permanent(RemoteError):
    """Pointless to repeat until a person changes something."""


class StoreError(BridgeError):
    """The store cannot take the write now; nothing of it was written."""


class StoreDied(StoreError):
    """The store's writer has ended: nothing can be written until the process is started again."""


class StoreTooNew(StoreError):
    """The store was written by a newer release."""
