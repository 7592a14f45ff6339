"""Signed requests: what Huawei's SDK signs is verified, and nothing that was changed on its way."""

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from bridge.runtime.sdk_signature import (
    WINDOW,
    BadSdkSignature,
    Headers,
    SignedRequest,
    authorization_of,
    canonical_request,
    verify,
)

DATE = "20250101T000000Z"
AT = datetime(2025, 1, 1, tzinfo=UTC).timestamp()
KEYS = {"bridge-ak": "bridge-sk"}
SIGNED = "content-type;host;x-sdk-date"
JOB = "0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Sent:
    """A request as it comes in."""

    target: str
    signature: str = ""
    method: str = "GET"
    body: bytes = b""
    access_key: str = "bridge-ak"
    signed: str = SIGNED
    content_type: str = "application/json"
    date: str = DATE
    more: tuple[tuple[str, str], ...] = ()

    @property
    def headers(self) -> Headers:
        proof = f"Access={self.access_key}, SignedHeaders={self.signed}, Signature={self.signature}"
        named = [
            ("content-type", self.content_type),
            ("host", "127.0.0.1:8088"),
            ("x-sdk-date", self.date),
            ("authorization", f"SDK-HMAC-SHA256 {proof}"),
            *self.more,
        ]
        return [(name.encode(), value.encode()) for name, value in named]

    @property
    def request(self) -> SignedRequest:
        path, _, query = self.target.encode().partition(b"?")
        return SignedRequest(self.method, path, query, self.headers, self.body)

    def sign(self, secret_key: str = "bridge-sk") -> "Sent":
        """The same with the signature that a client with this secret key makes."""
        canonical = canonical_request(self.request, self.signed.encode().split(b";"))
        digest = hashlib.sha256(canonical).hexdigest()
        to_sign = f"SDK-HMAC-SHA256\n{self.date}\n{digest}".encode()
        return replace(self, signature=hmac.new(secret_key.encode(), to_sign, hashlib.sha256).hexdigest())

    def verify(self, now: float = AT) -> str:
        return verify(self.request, KEYS.get, now)


VECTORS = {
    "bbcb37dfd258c53b44884d8fcb1f367a4fcd327491ac7f9e8783fe6a99b3846b": Sent(
        f"/v3/jobs/{JOB}/history?interval=7&limit=10&offset=0",
        "a32778e6e4be3469583227881e10d2b33af6246ed42f0998c7dd238d8b921500",
    ),
    "3c44c36e49c23c53184a506c6bcf7b7daf6f0408d1b89cd3865d1aac416478be": Sent(
        "/v3/jobs/build",
        "6cb7097d8ab39dd40f9379a3f27c153b4df42af2870739500665837cb5e2a360",
        method="POST",
        body=f'{{"job_id": "{JOB}"}}'.encode(),
    ),
    "e3865d7f3c2a780fcfdbe97186bd341edb886d1bd15ac578c25ad6da31857f2a": Sent(
        f"/v1/report/branches?job_id={JOB}&repository_name=a%20b%2Fc",
        "f45de07d15856f453db73763d8ca92e5ab18dcf750dc5975305b01a76b5a2e17",
    ),
    "09f3c614dc39d1ae1c6bd8dff7c4fc6fb048daa1001da249dec23bfdf25b9295": Sent(
        "/v4/a%2Fb/task-log?task_name=Maven%E6%9E%84%E5%BB%BA",
        "903f6d4144bcd554d91000c0f3f29e65c4afb66cf254a797d94ead84f0d3dad9",
    ),
}
"""By the SHA-256 of its canonical request, each request as the SDK has signed it."""
POST = VECTORS["3c44c36e49c23c53184a506c6bcf7b7daf6f0408d1b89cd3865d1aac416478be"]
GET = VECTORS["bbcb37dfd258c53b44884d8fcb1f367a4fcd327491ac7f9e8783fe6a99b3846b"]


@pytest.mark.parametrize("digest", VECTORS)
def test_what_the_sdk_signs_is_verified(digest: str) -> None:
    sent = VECTORS[digest]
    canonical = canonical_request(sent.request, SIGNED.encode().split(b";"))
    assert hashlib.sha256(canonical).hexdigest() == digest
    assert sent.verify() == "bridge-ak"
    assert sent.verify() == "bridge-ak", "the same request may be sent again"


@pytest.mark.parametrize("digest", VECTORS)
def test_what_we_sign_is_what_the_sdk_signs(digest: str) -> None:
    sent = VECTORS[digest]
    names = SIGNED.encode().split(b";")
    made = authorization_of(replace(sent, signature="").request, names[::-1], *next(iter(KEYS.items())))
    assert made.encode() == sent.request.only(b"authorization")


@pytest.mark.parametrize(
    "changed",
    [
        replace(GET, method="DELETE"),
        replace(GET, target=GET.target.replace("history", "status")),
        replace(GET, target=GET.target.replace("limit=10", "limit=100")),
        replace(GET, target=f"{GET.target}&limit=10"),
        replace(GET, target=GET.target.partition("?")[0]),
        replace(GET, content_type="text/plain"),
        replace(GET, signature=f"{0:064x}"),
        replace(GET, signed="host;x-sdk-date"),
        replace(GET, date="20250101T000001Z"),
        replace(GET, access_key="another-ak"),
        replace(POST, body=POST.body.replace(b" ", b"")),
        replace(POST, body=b""),
        GET.sign("another-sk"),
        replace(GET, access_key="another-ak").sign(""),
    ],
)
def test_what_was_changed_or_signed_by_another_is_rejected(changed: Sent) -> None:
    with pytest.raises(BadSdkSignature, match="does not fit the request: check access key"):
        changed.verify()


def test_pairs_are_sorted_and_a_repeated_name_is_signed_as_often_as_it_is_sent() -> None:
    signed = Sent("/v1/jobs?b=2&a=%2F&a=-&a=&c").sign()
    assert replace(signed, target="/v1/jobs?c=&a=-&a=&b=2&a=/").verify() == "bridge-ak"
    for other in ("/v1/jobs?b=2&a=%2F&a=-&c", "/v1/jobs?b=2&a=%2F&a=-&a=&a=&c", "/v1/jobs?b=2&a=%2F+-&c"):
        with pytest.raises(BadSdkSignature):
            replace(signed, target=other).verify()


def test_path_and_query_are_taken_as_bytes_whatever_they_are() -> None:
    for target in ("/v1/%FF%00/%zz?%FE=%e6%9e%84", "/", "", "/a//b/?=&&"):
        assert Sent(target).sign().verify() == "bridge-ak"
    slash, none = Sent("/v1/a/").sign(), Sent("/v1/a").sign()
    assert slash.signature == none.signature, "the last slash is added for signing only"


@pytest.mark.parametrize("seconds", [-WINDOW, 0, WINDOW])
def test_the_clock_of_a_client_may_be_a_quarter_of_an_hour_off(seconds: float) -> None:
    assert GET.verify(AT + seconds) == "bridge-ak"


@pytest.mark.parametrize("seconds", [-WINDOW - 1, WINDOW + 1, 86400 * 365])
def test_an_old_request_is_rejected(seconds: float) -> None:
    with pytest.raises(BadSdkSignature, match="more than 15 minutes off: set the clock"):
        GET.verify(AT + seconds)


@pytest.mark.parametrize(
    "date", ["", "now", "2025-01-01T00:00:00Z", "20250101T000000", "20251301T000000Z", "٢0250101T000000Z"]
)
def test_a_date_of_another_form_is_rejected(date: str) -> None:
    with pytest.raises(BadSdkSignature, match="is not a time such as"):
        replace(GET, date=date).verify()


def test_a_date_that_is_not_signed_proves_nothing() -> None:
    with pytest.raises(BadSdkSignature, match="X-Sdk-Date is not a signed header"):
        Sent("/v1/jobs", signed="content-type;host").sign().verify()


@pytest.mark.parametrize("more", [(("x-sdk-date", DATE),), (("host", "evil.example.com"),)])
def test_a_signed_header_that_is_there_twice_is_rejected(more: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(BadSdkSignature, match="is there 2 times, not once"):
        replace(GET, more=more).verify()


def test_a_signed_header_that_is_missing_is_rejected() -> None:
    with pytest.raises(BadSdkSignature, match="the header x-project-id is there 0 times"):
        replace(GET, signed=f"{SIGNED};x-project-id").verify()


def test_spaces_around_a_header_are_not_signed() -> None:
    more = (("user-agent", "  a client  "),)
    sent = Sent("/v1/jobs", signed=f"{SIGNED};user-agent", more=more).sign()
    assert replace(sent, more=(("user-agent", "a client"),)).verify() == "bridge-ak"


@pytest.mark.parametrize(
    "authorization",
    [
        "SDK-HMAC-SHA256",
        f"SDK-HMAC-SHA256 Access=, SignedHeaders={SIGNED}, Signature={0:064x}",
        f"SDK-HMAC-SHA256 Access=bridge-ak, SignedHeaders={SIGNED}, Signature={0:063x}",
        f"SDK-HMAC-SM3 Access=bridge-ak, SignedHeaders={SIGNED}, Signature={0:064x}",
        f"SDK-HMAC-SHA256 Access=bridge-ak, SignedHeaders={SIGNED}",
    ],
)
def test_a_header_of_another_form_is_rejected(authorization: str) -> None:
    headers = [(b"x-sdk-date", DATE.encode()), (b"authorization", authorization.encode())]
    with pytest.raises(BadSdkSignature, match="the header Authorization is not"):
        verify(SignedRequest("GET", b"/", b"", headers, b""), KEYS.get, AT)


UPLOAD = Sent(
    "/v1/upload",
    method="POST",
    content_type="multipart/form-data; boundary=x",
    body=b"--x",
    more=(("x-sdk-content-sha256", "UNSIGNED-PAYLOAD"),),
)


def test_a_body_of_several_parts_may_be_unsigned() -> None:
    signed = UPLOAD.sign()
    assert replace(signed, body=b"--y").verify() == "bridge-ak"
    with pytest.raises(BadSdkSignature, match="does not fit"):
        replace(signed, body=b"").verify()


def test_the_digest_of_the_body_may_be_announced() -> None:
    digest = hashlib.sha256(b"{}").hexdigest()
    announced = Sent("/v1/x", method="POST", body=b"{}", more=(("x-sdk-content-sha256", digest),)).sign()
    assert announced.verify() == "bridge-ak"
    with pytest.raises(BadSdkSignature, match="is not the digest of the body: leave it out"):
        replace(announced, body=b"[]").verify()


@pytest.mark.parametrize(
    "changes",
    [{"content_type": "application/json"}, {"signed": "host;x-sdk-date"}],
    ids=["of another type", "of a type that is not signed"],
)
def test_no_other_body_may_be_unsigned(changes: dict[str, str]) -> None:
    with pytest.raises(BadSdkSignature, match="only a multipart body"):
        replace(UPLOAD, signature=f"{0:064x}", **changes).verify()  # type: ignore[arg-type]


def test_every_change_of_a_signed_byte_is_noticed() -> None:
    """Whatever single character of the signature is another one, it proves nothing."""
    for index in range(len(GET.signature)):
        other = "0" if GET.signature[index] != "0" else "1"
        with pytest.raises(BadSdkSignature):
            replace(GET, signature=GET.signature[:index] + other + GET.signature[index + 1 :]).verify()
