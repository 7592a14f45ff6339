"""What readers of JSON and of forms decide differently is refused, and so is what is dear to read."""

import json
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import BadPayload
from bridge.forges import strictjson
from bridge.forges.request import Request
from bridge.registry import FORGES

FORM = {"content-type": "application/x-www-form-urlencoded"}
GITEE = {"x-gitee-event": "Push Hook", "content-type": "application/json"}
TEXT = st.characters(exclude_categories=["Cs"])
TREES = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(TEXT),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(TEXT, max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(TREES, st.booleans(), st.sampled_from([None, 2]))
def test_whatever_has_each_key_once_is_read_as_written(value: Any, escaped: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=escaped, indent=indent)
    assert strictjson.read(text.encode()) == orjson.loads(text)


@given(
    st.dictionaries(st.text(TEXT, max_size=4), TREES, min_size=1, max_size=4),
    st.integers(0, 9),
    st.sampled_from(["{}", "[1,{}]", '{{"x:y": [{{"z": {}}}, ":"]}}']),
)
def test_a_key_twice_is_found_wherever_it_stands(pairs: dict[str, Any], which: int, around: str) -> None:
    written = [f"{json.dumps(key)} : {json.dumps(value)}" for key, value in pairs.items()]
    again = list(pairs)[which % len(pairs)]
    spelled = "".join(f"\\u{ord(letter):04x}" if ord(letter) < 65536 else letter for letter in again)
    inner = "{" + ",".join([*written, f'"{spelled}":"::\\u003a"']) + "}"
    with pytest.raises(BadPayload):
        strictjson.read(around.replace("{}", inner, 1).replace("{{", "{").replace("}}", "}").encode())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"ref":1,"ref":2}', "the key 'ref' twice"),
        ('{"ref":1,"r\\u0065f":2}', "the key 'ref' twice"),
        ('{"ref":"\\u003a","ref":":"}', "the key 'ref' twice"),
        ('{"a":":","b":1,"b":"\\u003a"}', "the key 'b' twice"),
        ('{"a" :[{"b"\n:1,"b" : 2}]}', "the key 'b' twice"),
        ('{"é\\n":1,"é\\n":2}', r"the key '\xe9\n' twice"),
        ("[NaN]", "not JSON"),
        ('{"a":-Infinity}', "not JSON"),
        ('{"a":1e999}', "infinity"),
        ('{"a":' + "1" * 100_000 + "}", "infinity"),
        (r'["\ud800"]', "surrogate"),
        (r'["\udc00\ud800"]', "surrogate"),
        (b'["\xed\xa0\x80"]', "not JSON"),
        (b'["\xff"]', "not JSON"),
        (b"\xff\xfe{\x00}\x00", "not JSON"),
        ("\ufeff\ufeff{}", "not JSON"),
        ("[" * 100_000, "over 128 deep"),
        ("[" * 129 + "]" * 129, "over 128 deep"),
        ('{"a]\\\\":' * 129 + "1" + "}" * 129, "over 128 deep"),
        ('["]","\\"]",' * 1025 + "]" * 1025, "over 128 deep"),
        ("[" + "[]," * 500_001 + "0]", "or 1000000 values"),
        ("[" + "{}," * 100_001 + "0]", "over 100000 objects"),
        ("[" + "0," * 1_000_001 + "0]", "or 1000000 values"),
        ("{} {}", "not JSON"),
        ("{'a':1}", "not JSON"),
        ('{"a":1,}', "not JSON"),
        ('["\x00"]', "not JSON"),
    ],
)
def test_json_that_readers_disagree_on_or_that_is_expensive_is_rejected(text: str | bytes, why: str) -> None:
    with pytest.raises(BadPayload, match=why.replace("\\", "\\\\")):
        strictjson.read(text.encode() if isinstance(text, str) else text)


FLAT = ['["' + "[" * 9000 + '"]', '["' + '\\"[{' * 999 + '"]', "[" + '{"a[":"","":"{"},[],' * 999 + "0]"]


@pytest.mark.parametrize(
    "text", ['{"a":"\\u003a"}', '{"a:b":"::","c":{"a:b":1}}', "[" * 128 + "]" * 128, *FLAT]
)
def test_what_only_looks_alike_is_read(text: str) -> None:
    assert strictjson.read(text.encode()) == json.loads(text)


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ("payload=%7B%7D&payload=%7B%7D", "several"),
        ("payload=%7B%7D&hook=%7B%7D", "several"),
        ("payload=%7B%7D&%70ayload=%7B%7D", "several"),
        ("%70ayload=%7B%7D", "without a payload"),
        ("payload=%7B%7D" + "&a=b" * 64, "over 64 fields"),
        ("payload=%7B%7D%", "begins no escape"),
        ("payload=%7B%zz%7D", "begins no escape"),
        ("payload=%FF", "not JSON"),
        ("payload", "not JSON"),
        ("", "without a payload"),
    ],
)
def test_a_form_that_leaves_a_choice_is_rejected(form: str, why: str) -> None:
    with pytest.raises(BadPayload, match=why):
        _ = Request(FORM, form.encode()).document


def test_a_form_may_have_64_fields() -> None:
    assert Request(FORM, b"payload=%7B%22a%22:%22b%22%7D" + b"&a=b" * 63).document.text("a") == "b"


@pytest.mark.parametrize("charset", ["gbk", "ISO-8859-1", '"utf-16"', "x" * 5000])
def test_another_charset_is_rejected_where_it_makes_a_difference(charset: str) -> None:
    for kind, quoted in (("application/json", str), ("application/x-www-form-urlencoded", _form)):
        headers = {"content-type": f"{kind}; Charset={charset}"}
        assert Request(headers, quoted('{"a":"b"}').encode()).document.text("a") == "b"
        with pytest.raises(BadPayload, match="only UTF-8 is read"):
            _ = Request(headers, quoted('{"a":"é"}').encode()).document
        utf8 = {"content-type": f'{kind};charset="UTF-8"'}
        assert Request(utf8, quoted('{"a":"é"}').encode()).document.text("a") == "é"


def _form(text: str) -> str:
    return f"payload={quote(text)}"


@pytest.mark.parametrize("form", [False, True])
def test_what_is_kept_of_a_key_twice_shows_it_and_no_secret(form: bool) -> None:
    text = '{"ref":"a","ref":"b","password":"s3cret","p\\u0061ssword":"s3cret","user":{"password":"s3cret"}}'
    headers = GITEE | FORM if form else GITEE
    body = (f"hook={quote_plus(text)}" if form else text).encode()
    stored = FORGES["Gitee"].without_secrets(Request({}, body), [b"s3cret"])
    assert b"s3cret" not in stored
    with pytest.raises(BadPayload, match="the key 'ref' twice"):
        FORGES["Gitee"].parse(Request(headers, stored))
