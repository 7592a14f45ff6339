"""A client of its own that signs requests as Huawei's SDK does: it shares no code with who verifies them."""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, unquote


def signed(
    keys: tuple[str, str],
    method: str,
    target: str,
    body: bytes,
    now: float,
    *,
    host: str = "bridge.example.com",
) -> dict[str, str]:
    """The headers of a request to `target`, a path and a query; `keys` are access key and secret key."""
    access_key, secret_key = keys
    path, _, query = target.partition("?")
    headers = {
        "content-type": "application/json",
        "host": host,
        "x-sdk-date": datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ"),
    }
    pairs = sorted(parse_qsl(query, keep_blank_values=True))
    canonical = [
        method,
        "/".join(quote(part, safe="~") for part in unquote(path).split("/")) + "/",
        "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in pairs),
        *(f"{name}:{value}" for name, value in headers.items()),
        "",
        ";".join(headers),
        hashlib.sha256(body).hexdigest(),
    ]
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    to_sign = f"SDK-HMAC-SHA256\n{headers['x-sdk-date']}\n{digest}"
    signature = hmac.new(secret_key.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    proof = f"Access={access_key}, SignedHeaders={';'.join(headers)}, Signature={signature}"
    return headers | {"authorization": f"SDK-HMAC-SHA256 {proof}"}
