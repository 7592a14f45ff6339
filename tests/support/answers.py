"""Answers of the API and their envelope."""

from typing import Any

import httpx


def good(answer: httpx.Response) -> Any:
    """The data of an answer in the envelope."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert (document["code"], document["msg"]) == (0, "ok")
    return document["data"]


def bad(answer: httpx.Response, status: int) -> str:
    """The sentence of a refusal in the envelope."""
    document = answer.json()
    assert answer.status_code == status
    assert document["code"] == status
    assert document["data"] is None
    message: str = document["msg"]
    assert message
    return message
