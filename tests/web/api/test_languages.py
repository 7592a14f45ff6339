# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""Why a call was not done is said in the language of the client, and no sentence is forgotten."""

import re
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

import httpx
import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from support.api import api_of, bearer, client_of, issue
from support.keeping import keeper_of
from support.scripted import Store
from support.stored import document, put
from support.texts import sentences

from bridge.config.faults import _COMPARED, _LENGTHS, problems_of, suggest_or_list
from bridge.config.types import Secret, Strict
from bridge.config.wrong_types import WRONG_TYPES
from bridge.model.access import Role
from bridge.model.language import MAX_SENTENCE
from bridge.web.api.chinese import PROBLEMS, SENTENCES
from bridge.web.api.core.errors import Conflict, Invalid
from bridge.web.api.languages import chinese, chinese_problem, language_of, said

HAN = re.compile("[\u4e00-\u9fff]")
PLACE = re.compile(r"([\w.\[\]{}-]+): (.+)", re.DOTALL)
NO_PATH = "没有这个路径：/openapi.json 列出了全部 API"
ZH = {"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"}


def key_of(sentence: str) -> str:
    """The sentence as the tables have it: without the name of the value that it is about."""
    place = PLACE.fullmatch(sentence)
    return sentence if sentence in SENTENCES or place is None else key_of(place[2])


def test_each_sentence_of_the_code_has_a_chinese_form() -> None:
    known = {*SENTENCES, *PROBLEMS, "{}"}
    missing = {sentence: place for sentence, place in sentences().items() if key_of(sentence) not in known}
    assert missing == {}, "add them to chinese.py"


def test_a_chinese_form_says_what_the_sentence_is_about() -> None:
    for english, form in [*SENTENCES.items(), *PROBLEMS.items()]:
        form_of_values = re.sub(":(?:list|ref|role)}", "}", form)
        names = re.findall(r"\{(\d+)\}", form_of_values)
        assert sorted(names) == [str(number) for number in range(english.count("{}"))], english
        assert HAN.search(form), english
        values = [f"<{number}>" for number in range(len(names))]
        sentence = english.replace("{}", "%s") % tuple(values) if values else english
        assert chinese_problem(sentence) == form_of_values.format(*values)


def test_no_chinese_form_is_left_of_a_sentence_that_is_gone() -> None:
    known = {key_of(sentence) for sentence in sentences()}
    # One of them is said with the whole name of the setting.
    assert {one.replace("api.codearts.", "") for one in SENTENCES} <= known
    texts = "\n".join(problem for _, problem in PROBLEMS_SEEN)
    missing = [one for one in PROBLEMS if not all(part in texts for part in one.split("{}"))]
    assert missing == []


class Word(StrEnum):
    ONE = "one"


class Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    place: int = 1


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    namespace: int = 1
    entries: tuple[Entry, ...] = ()


class Strictly(BaseModel):
    """A value of each kind, which is only taken as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    word: str = ""
    number: int = 1
    share: float = 1.0
    truth: bool = True
    items: list[int] = []
    pair: tuple[int, ...] = ()
    table: dict[str, int] = {}
    mapping: Mapping[str, int] = {}
    inner: Inner = Inner()
    choice: Literal["first", "second"] = "first"
    many: Literal["alpha", "beta", "gamma", "delta", "epsilon"] = "alpha"
    above: Annotated[int, Field(gt=1)] = 2
    least: Annotated[int, Field(ge=1)] = 2
    below: Annotated[int, Field(lt=1)] = 0
    most: Annotated[int, Field(le=1)] = 0
    one_or_more: Annotated[list[int], Field(min_length=1)] = [1]
    two_or_more: Annotated[list[int], Field(min_length=2)] = [1, 2]
    one_at_most: Annotated[list[int], Field(max_length=1)] = []
    two_at_most: Annotated[list[int], Field(max_length=2)] = []
    some: Annotated[str, Field(min_length=1)] = "x"
    short: Annotated[str, Field(max_length=3)] = ""
    shaped: Annotated[str, Field(pattern="^[a-z]+$")] = "x"


class Laxly(BaseModel):
    """What stands in a query: texts that become other values, a word, and a value that is needed."""

    model_config = ConfigDict(extra="forbid")

    needed: int
    number: int = 1
    share: float = 1.0
    truth: bool = True
    word: Word = Word.ONE


class Short(Strict):
    """An entry that may be written as its one word by mistake."""

    word: str

    @classmethod
    def longhand(cls, given: object) -> dict[str, object] | None:
        return {"word": given} if isinstance(given, str) else {"word": "x"} if given else None


class Wrapped(Strict):
    entries: Annotated[tuple[Short, ...], Field(strict=False)] = ()


class Shortly(Strict):
    """What has shorter forms that people think of, each of which is answered with the line to copy."""

    entries: Annotated[tuple[Short, ...], Field(strict=False)] = ()
    names: Annotated[dict[str, Short], Field(default_factory=dict)]
    one: Short = Short(word="x")
    keys: Annotated[tuple[Secret, ...], Field(strict=False)] = ()
    wrapped: Wrapped = Wrapped()


NO_TEXTS: list[Any] = [1, 1.5, True, None, [], {}]
BAD: list[tuple[type[BaseModel], Any]] = [
    *((Strictly, {"word": value}) for value in NO_TEXTS),
    *((Strictly, {name: "x"}) for name in ("number", "share", "truth", "items", "pair", "table", "mapping")),
    *((Strictly, {"number": 1j}), (Strictly, {"inner": 1}), (Strictly, {"inner": {"x": 1}})),
    *((Strictly, {"choice": "third"}), (Strictly, {"choice": "frist"}), (Strictly, {"choice": []})),
    *((Strictly, {"many": "alpah"}), (Strictly, {"inner": {"namespaces": 1}})),
    *((Strictly, {"namespace": 1}), (Strictly, {"place": 1}), (Strictly, {"inner": {"word": ""}})),
    *((Strictly, {"above": 1}), (Strictly, {"least": 0}), (Strictly, {"below": 1}), (Strictly, {"most": 2})),
    *((Strictly, {"one_or_more": []}), (Strictly, {"two_or_more": []})),
    *((Strictly, {"one_at_most": [1, 2]}), (Strictly, {"two_at_most": [1, 2, 3]})),
    *((Strictly, {"some": ""}), (Strictly, {"short": "long"}), (Strictly, {"shaped": "1"}), (Strictly, [])),
    *((Strictly, {name: "1"}) for name in ("number", "truth")),
    *((Strictly, {name: [1]}) for name in ("word", "mapping", "inner")),
    *((Strictly, {"items": {}}), (Strictly, {"inner": {"strange": 1}}), (Strictly, {"inner": []})),
    *((Shortly, {"entries": "x"}), (Shortly, {"one": {"text": "x"}}), (Shortly, {"names": []})),
    *((Shortly, {"one": "x"}), (Shortly, {"keys": "x"}), (Shortly, {"names": "x"}), (Shortly, "x")),
    (Shortly, {"wrapped": []}),
    (Strictly, {"choice": "“first”"}),
    (Laxly, {"number": "x", "share": "x", "truth": "x", "word": "two"}),
]


def seen() -> list[tuple[str, str]]:
    """What validation says of each bad value: its kind, and the sentence."""
    found: list[tuple[str, str]] = []
    for model, value in BAD:
        with pytest.raises(ValidationError) as caught:
            model.model_validate(value)
        kinds = [detail["type"] for detail in caught.value.errors()]
        # One mistake in several keys of a mapping is one sentence.
        found += zip(kinds, problems_of(caught.value, model, value), strict=False)
    return [*found, *(("hint", suggest_or_list(word, ["first"])) for word in ("frist", "other"))]


PROBLEMS_SEEN = seen()


@pytest.mark.parametrize(("kind", "problem"), PROBLEMS_SEEN)
def test_what_validation_says_has_a_chinese_form(kind: str, problem: str) -> None:
    found = chinese_problem(problem)
    assert found is not None, kind
    assert HAN.search(found)


def test_all_that_validation_can_say_is_looked_at() -> None:
    kinds, text = {kind for kind, _ in PROBLEMS_SEEN}, " ".join(problem for _, problem in PROBLEMS_SEEN)
    assert kinds >= {*_COMPARED, *_LENGTHS, "missing", "extra_forbidden", "enum", "literal_error"}
    assert [words for words in WRONG_TYPES.values() if f"must be {words}, but is" not in text] == []


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh", "zh-CN"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("ZH-Hans-CN", "zh-CN"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("fr, zh;q=0.5, en;q=0.4", "zh-CN"),
        ("en;q=0.4 , zh ; q = 0.5", "zh-CN"),
        ("zh;q=0", "en"),
        ("*", "en"),
        ("*;q=0.1, zh;q=0.2", "zh-CN"),
        ("fr", "en"),
        ("zh;q=2", "en"),
        ("zhx", "en"),
        (",;q=,=", "en"),
        (f"{'fr,' * 20}zh", "en"),
        (f"{'fr,' * 19}zh", "zh-CN"),
    ],
)
def test_the_language_is_the_preferred_one_of_those_that_there_are(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    await store.repositories.take({}, [], [], put(document("tool")))
    async with client_of(api_of(store, keeper=await keeper_of(store, store.path.parent))) as opened:
        yield opened


@pytest.mark.parametrize(
    ("path", "key", "status", "why"),
    [
        ("/v1/builds/none", "msg", 404, "没有这个构建，或者查看它需要令牌"),
        ("/v1/builds?status=x", "msg", 400, "status：x 不是 W、I、S 或 F"),
        ("/v1/builds?state=faild", "msg", 400, "state：无法识别 faild；是不是想写 failed？"),
        ("/v1/builds?page=x", "msg", 400, "page：x 不是页码：页码从 1 开始"),
        ("/v1/builds?page=501", "msg", 400, "page：501 超过 500：之后的页请使用 `next` 链接"),
        (
            "/v1/builds?page=0&stat=x",
            "msg",
            400,
            "page：0 不是页码：页码从 1 开始；stat：无法识别；是不是想写 state？",
        ),
        ("/v1/nothing", "msg", 404, NO_PATH),
        ("/nothing", "msg", 404, NO_PATH),
        ("/alauda/v1/repositories/acme/none", "detail", 404, "没有这个仓库，或者查看它需要令牌"),
        ("/alauda/v1/nothing", "detail", 404, NO_PATH),
        ("/api/builds", "message", 401, "此操作需要令牌：请发送请求头 `Authorization: Bearer <token>`"),
        (
            "/v1/job/list",
            "error_msg",
            401,
            (
                "Incorrect IAM authentication information: x-auth-token not found: "
                "此操作需要令牌：请发送请求头 `X-Auth-Token: <token>`，或者对请求签名"
            ),
        ),
        ("/v3/jobs/nothing", "error_msg", 404, NO_PATH),
    ],
)
async def test_each_dialect_says_why_in_the_language_of_its_client(
    client: httpx.AsyncClient, path: str, key: str, status: int, why: str
) -> None:
    answer = await client.get(path, headers=ZH)
    assert (answer.status_code, answer.json()[key]) == (status, why)
    assert answer.headers["content-language"] == "zh-CN"
    assert "Accept-Language" in answer.headers["vary"]
    english = await client.get(path)
    assert english.headers["content-language"] == "en"
    assert not HAN.search(english.text)
    # The shape is the same: programs read it.
    assert english.json().keys() == answer.json().keys()


async def test_a_method_that_there_is_not(client: httpx.AsyncClient) -> None:
    answer = await client.put("/v1/builds", headers=ZH)
    assert answer.json()["msg"] == "该路径不支持 PUT：支持的方法有 GET、HEAD、POST"
    assert "GET" in answer.headers["allow"]


async def test_no_space_stands_between_chinese_words(store: Store, client: httpx.AsyncClient) -> None:
    headers = ZH | bearer(await issue(store, Role.MEMBER, "elsewhere"))
    answer = await client.post("/v1/repositories/acme", json={"repo_name": "new"}, headers=headers)
    assert answer.json()["msg"] == (
        "此操作需要在 acme 中有成员角色，而您的角色是其他命名空间中的成员：请向管理员申请具有该角色的令牌"
    )


def test_a_kind_of_ref_is_a_chinese_word_and_its_name_is_not() -> None:
    assert chinese("the host has no branch tag: correct the name") == ("代码平台上没有分支 tag：请更正名称")


async def test_faults_of_rules_stay_english(store: Store, client: httpx.AsyncClient) -> None:
    headers = ZH | bearer(await issue(store, Role.ADMIN))
    answer = await client.post("/v1/repositories/acme", json={"repo_name": "new"}, headers=headers)
    (fault,) = answer.json()["data"]["faults"]
    assert answer.json()["msg"] == f"未作任何修改，因为有一处错误：{fault}"
    assert not HAN.search(fault)


def test_a_sentence_without_a_chinese_form_stays_english() -> None:
    assert said(Conflict("a sentence that nobody knows"), "zh-CN") == ("a sentence that nobody knows", "en")
    both = Invalid(["page: is missing", "words that nobody knows"])
    assert said(both, "zh-CN") == ("page：缺失；words that nobody knows", "zh-CN")


def test_a_very_long_text_stays_english() -> None:
    end = ": is missing"
    name = "x" * (MAX_SENTENCE - len(end))
    assert said(Invalid([name + end]), "zh-CN") == (f"{name}：缺失", "zh-CN")
    for too_long in (Invalid([f"x{name}{end}"]), Invalid([name, f"page{end}"])):
        assert said(too_long, "zh-CN") == (str(too_long), "en")


def test_words_that_a_client_has_sent_are_not_taken_for_ours() -> None:
    """What is said of one value could be any part of a sentence."""
    assert chinese("there is no build this is not that") == "没有构建 this is not that"
    assert chinese_problem("x: {0} is not {}") == "x：{0} 不是 {}"
