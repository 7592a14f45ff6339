"""Whatever shape a secret has in a text from outside, it is taken out; and little else is."""

import base64
from urllib.parse import quote

import pytest

from bridge.runtime.redaction import MASK, MAX_FORMER, Redactor, masked, without_secrets

SECRET = "canary/of+the tests"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET, safe=""),
        *(base64.b64encode(f"{user}:{SECRET}".encode()).decode() for user in ("a", "ab", "abc", "abcd")),
        base64.urlsafe_b64encode(f"{SECRET}?>".encode()).decode(),
    ],
)
def test_a_known_secret_is_found_in_its_usual_encodings(form: str) -> None:
    clean = Redactor([SECRET]).foreign(f"it prints {form} and goes on")
    assert MASK in clean
    assert clean.startswith("it prints ")
    assert clean.endswith(" and goes on")
    assert form[4:-6] not in clean


@pytest.mark.parametrize(
    ("line", "clean"),
    [
        ("Authorization: Bearer canary", "Authorization: ***"),
        ("password=canary next", "password=*** next"),
        ("token: The next", "token: *** next"),
        ("token=the", "token=***"),
        ("deploy -token canary", "deploy -token ***"),
        ("DEPLOY_TOKEN=canary", "DEPLOY_TOKEN=***"),
        ("docker login -u me -p canary reg.example.com", "docker login -u *** -p *** reg.example.com"),
        ("+ mysql -uroot -pcanary shop", "+ mysql -u*** -p*** shop"),
        ("密码\uff1acanary", "密码\uff1a***"),
        ("git clone https://me:canary@git.example.com/a", "git clone https://me:***@git.example.com/a"),
        ("https://oapi.dingtalk.com/robot/send?access_token=canary", "https://oapi.dingtalk.com/robot/send?access_token=***"),
        ("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=canary-canary", "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=***"),
        ("https://open.feishu.cn/open-apis/bot/v2/hook/canary-canary", "https://open.feishu.cn/open-apis/bot/v2/hook/***"),
        ("https://discord.com/api/webhooks/123456/canary-canary", "https://discord.com/api/webhooks/***"),
        ("https://prod.logic.azure.com/invoke?sv=1.0&sig=canary-canary", "https://prod.logic.azure.com/invoke?sv=1.0&sig=***"),
        ("https://api.telegram.org/bot987654321:AAcanary-canary_canary-canary-canary/x", "https://api.telegram.org/bot***/x"),
        ("ghp_canarycanarycanary1", "***"),
        ("tk_canarycanarycanarycanarycanar", "***"),
    ],
)  # fmt: skip
def test_the_usual_shapes_are_taken_out(line: str, clean: str) -> None:
    assert masked(line) == clean


@pytest.mark.parametrize(
    "line",
    [
        "mkdir -p build/out",
        "cp -p a b",
        "tokens are counted",
        "https://example.com/path?page=2",
        "the key is under the mat",
        "webhook received",
        "channels.gate.token: the secret file secrets/status-token cannot be read",
    ],
)
def test_other_text_stays(line: str) -> None:
    assert masked(line) == line


def test_of_a_document_texts_are_redacted_and_secret_fields_show_nothing() -> None:
    document = {
        "password": "canary",
        "Api-Key": {"file": "canary"},
        "token": ["canary"],
        "url": f"https://robot.example.com/?access_token=canary&x={SECRET}",
        "lines": ["Authorization: Bearer canary", 7],
        "token_id": "an-id",
        "secret": None,
        "has_token": True,
        "key": "a plain one",
    }
    assert without_secrets(document, Redactor([SECRET]).foreign) == {
        "password": MASK,
        "Api-Key": MASK,
        "token": MASK,
        "url": f"https://robot.example.com/?access_token={MASK}&x={MASK}",
        "lines": [f"Authorization: {MASK}", 7],
        "token_id": "an-id",
        "secret": None,
        "has_token": True,
        "key": "a plain one",
    }


def test_secrets_that_were_replaced_are_still_known_but_not_for_ever() -> None:
    redactor = Redactor(["the very first secret", "the constant secret"])
    for number in range(MAX_FORMER):
        redactor.learn([f"secret number {number}", "the constant secret"])
    text = "the very first secret, secret number 0, the constant secret"
    assert redactor.text(text) == "***, ***, ***"
    for number in range(MAX_FORMER, MAX_FORMER + 2):
        redactor.learn([f"secret number {number}", "the constant secret"])
    assert redactor.text(text) == "the very first secret, secret number 0, ***"
    assert redactor.text(f"secret number {MAX_FORMER + 1}, secret number 2") == "***, ***"
