"""Answers of the API and their envelope."""

from typing import Any

import httpx

from bridge.web.api.languages import chinese_problem


def good(answer: httpx.Response) -> Any:
    """The data of an answer in the envelope."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    document = answer.json()
    assert (document["code"], document["msg"]) == (0, "ok")
    return document["data"]


def bad(answer: httpx.Response, status: int) -> str:
    """The sentence of a refusal in the envelope; there is one for Chinese clients, too."""
    document = answer.json()
    assert answer.status_code == status
    assert document["code"] == status
    assert document["data"] is None
    message: str = document["msg"]
    if "content-language" in answer.headers:  # not in those of monitoring
        assert any(chinese_problem(part) for part in (message, message.partition("; ")[0])), message
    return message
