"""The envelopes of CodeArts: each of its calls has the one that the manual gives it."""

from typing import Generic, Literal, TypeVar

from typing_extensions import TypedDict

T = TypeVar("T")


class Done(TypedDict):
    """It is done."""

    status: Literal["success"]


class Enveloped(TypedDict, Generic[T]):
    """What is asked for."""

    status: Literal["success"]
    """That the call worked; it says nothing of a build."""
    error: None
    result: T
    """What is asked for."""


class OldEnvelope(TypedDict, Generic[T]):
    """As calls answer that are about to retire."""

    success: Literal[True]
    message: None
    err_code: None
    result: T


class Truth(TypedDict):
    """Yes or no."""

    result: bool


DONE: Done = {"status": "success"}


def enveloped(result: T) -> Enveloped[T]:
    return {"status": "success", "error": None, "result": result}


def old_envelope(result: T) -> OldEnvelope[T]:
    return {"success": True, "message": None, "err_code": None, "result": result}
