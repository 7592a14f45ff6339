"""Signed deliveries, as plain Git servers send them."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx
from support.daemon import NO_TLS, SECRET

SHA = "25a50dbcc5ef7d8d1f60b25d3a2b6a3a5d1c0f4e"


def push_body(clone_url: str, ref: str = "refs/heads/main", sha: str = SHA, **data: Any) -> bytes:
    """The body of a push; `data` replaces or adds to what is said of it."""
    said = {
        "repository": {"full_name": "acme/shop", "clone_url": clone_url},
        "ref": ref,
        "before": "0" * 40,
        "after": sha,
        "commit": {"id": sha, "message": "A change", "author": {"name": "Ann", "email": "ann@example.com"}},
    }
    return json.dumps({"type": "push", "timestamp": "2026-11-21T08:00:00Z", "data": said | data}).encode()


def signed(
    body: bytes, delivery_id: str = "msg-1", secret: str = SECRET, at: float | None = None
) -> dict[str, str]:
    """The headers of a Standard Webhooks delivery, signed at a time, or now."""
    now = str(int(time.time() if at is None else at))
    digest = hmac.digest(
        secret.encode(), b".".join([delivery_id.encode(), now.encode(), body]), hashlib.sha256
    )
    return {
        "content-type": "application/json",
        "webhook-id": delivery_id,
        "webhook-timestamp": now,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def send(url: str, body: bytes, delivery_id: str = "msg-1", secret: str = SECRET) -> httpx.Response:
    headers = signed(body, delivery_id, secret)
    return httpx.post(f"{url}/hooks/plain", content=body, headers=headers, timeout=30, verify=NO_TLS)
