"""The examples that vendors and specifications publish."""

import base64
import hmac

import pytest

from bridge.errors import BadSignature, NoSignature
from bridge.forges.request import Request
from bridge.forges.signature import check_basic
from bridge.registry import FORGES


def test_the_example_of_github_s_documentation_holds() -> None:
    headers = {
        "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "x-github-event": "push",
    }
    FORGES["GitHub"].verify(Request(headers, b"Hello, World!"), [b"It's a Secret to Everybody"], 0)


def test_the_example_of_the_standard_webhooks_specification_holds() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    secret = b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    FORGES["Simple"].verify(Request(headers, b'{"test": 2432232314}'), [secret], 1614265330)
    with pytest.raises(BadSignature, match="the configured whsec_ secret is not base64"):
        FORGES["Simple"].verify(Request(headers, b"{}"), [b"whsec_not base64!"], 1614265330)
    for limit in (1614265330 - 300, 1614265330 + 300):
        FORGES["Simple"].verify(Request(headers, b'{"test": 2432232314}'), [secret], limit)
    with pytest.raises(BadSignature, match="301 s ago, 300 s are allowed"):
        FORGES["Simple"].verify(Request(headers, b'{"test": 2432232314}'), [secret], 1614265631)
    with pytest.raises(BadSignature, match="301 s ahead, 300 s are allowed"):
        FORGES["Simple"].verify(Request(headers, b'{"test": 2432232314}'), [secret], 1614265029)


def test_a_signature_without_an_id_proves_nothing() -> None:
    key, body = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), b"{}"
    made = base64.b64encode(hmac.digest(key, b".1614265330.{}", "sha256")).decode()
    headers = {"webhook-id": "", "webhook-timestamp": "1614265330", "webhook-signature": f"v1,{made}"}
    with pytest.raises(NoSignature, match="webhook-id"):
        FORGES["Simple"].verify(
            Request(headers, body), [b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"], 1614265330
        )


def test_a_published_example_of_gitee_s_signature_holds() -> None:
    headers = {
        "x-gitee-event": "Push Hook",
        "x-gitee-timestamp": "1633679083918",
        "x-gitee-token": "Xvh4YPVe6l31XpDRL9J2yeaEXabsckIoUUschpXiVck=",
    }
    FORGES["Gitee"].verify(Request(headers, b""), [b"bBg5lrt03VixkX85CNqYIcecC0SIGASE"], 1633679083)


def test_the_example_of_the_specification_of_basic_authentication_holds() -> None:
    claimed = b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    for secret in (b"Aladdin:open sesame", b"open sesame"):
        check_basic(claimed, [b"another", secret])
        check_basic(claimed.replace(b"Basic", b"BASIC"), [secret])
    for secret in (b"aladdin:open sesame", b":open sesame", b"Aladdin", b"Aladdin:", b"sesame"):
        with pytest.raises(BadSignature, match="is wrong"):
            check_basic(claimed, [secret])


@pytest.mark.parametrize(
    "credentials", [b"", b":", b"user:", b"secret", b"secret:", b"user:a:secret", b":secret:"], ids=ascii
)
def test_a_password_must_be_given_whole_and_as_one(credentials: bytes) -> None:
    claimed = b"Basic " + base64.b64encode(credentials)
    with pytest.raises(BadSignature):
        check_basic(claimed, [b"secret", b"", b"user:"])


def test_a_password_may_hold_a_colon() -> None:
    check_basic(b"Basic " + base64.b64encode(b"user:a:b"), [b"a:b"])


def test_a_secret_of_any_bytes_is_compared_as_bytes() -> None:
    headers = {"x-gitee-event": "Push Hook", "x-gitee-token": "p\xe4ss"}
    FORGES["Gitee"].verify(Request(headers, b""), [b"p\xe4ss"], 0)
    with pytest.raises(BadSignature):
        FORGES["Gitee"].verify(Request(headers, b""), ["päss".encode()], 0)
