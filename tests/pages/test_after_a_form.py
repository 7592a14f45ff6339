"""What readers see after they have sent a form: each such page is as whole as those that have an address."""

import re
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Browser
from support import form_ways as ways
from support.browser import DESK, PHONE, inaccessible, reading
from support.daemon import NO_TLS
from support.form_ways import LONG, TESTER, TOKENS, Way
from support.seen import RULES as FILES
from support.seen import Seen, seen
from support.waiting import eventually
from support.whole_page import HAN, wrongs
from support.window import SAME, Window

from bridge.web.limits import ATTEMPT_RATE
from bridge.web.pages.app import SUBJECTS

LANGUAGES: Final = ("zh-CN", "en")
RULES: Final = FILES["shop.yaml"]
MORE: Final = RULES.replace("shop", "more")
FAULTY: Final = "namespace: acme\nrepo_name: shop\nbuild_config:\n  imag: x\n  tag_configs: yes\n"
PUSHED: Final = {"repository": "https://git.example.com/acme/shop.git", "code_repo_client": "Simple"}
_ALERT: Final = re.compile(r'<(p|section) [^>]*role="alert".*?</\1>', re.DOTALL)
_SAID: Final = re.compile(r'<bdi class="said">(.*?)</bdi>', re.DOTALL)


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """One of its own, for what these forms do stays done; there a client may have an address of its own."""
    server = {"server": {"trusted_proxies": ["127.0.0.1"]}}
    with seen(tmp_path_factory.mktemp("forms"), server) as running:
        yield running


@pytest.fixture(scope="module")
async def window(browser: Browser, changing: Seen) -> AsyncIterator[Window]:
    async with reading(browser, changing.daemon.url) as (page, faults):
        yield Window(page, faults, changing)


@dataclass(frozen=True)
class Sent:
    """A form that a reader of a role sends, and the status of the page that it leads to.

    `again` is for a page that is shown once: in another language it is another one.
    """

    name: str
    role: str
    way: Way
    status: int = 200
    again: bool = False


FORMS: Final = (
    Sent("token", "admin", partial(ways.make_a_token, name=LONG[:64], namespaces="acme"), again=True),
    Sent("access key", "admin", partial(ways.make_a_token, name="key", kind="access_key"), again=True),
    Sent("token without a name", "admin", ways.make_a_token, 400),
    Sent("token after the session", "admin", ways.send_after_the_session),
    Sent("token from another site", "admin", ways.send_from_another_site, 403),
    Sent("revoked", "admin", ways.revoke),
    Sent("own session", "member", ways.end_an_own_session),
    Sent("wrong token", "", ways.sign_in, 401),
    Sent("signed out", "", ways.sign_out),
    Sent("builder", "admin", partial(ways.probe, part="builder:here")),
    Sent("channel", "admin", partial(ways.probe, part="channel:team")),
    Sent("reload", "admin", ways.reload),
    Sent("reload of more", "admin", partial(ways.reload, name="more.yaml", text=MORE)),
    Sent("reload of faults", "admin", partial(ways.reload, name="more.yaml", text=FAULTY)),
    Sent("retried", "member", ways.retry),
    Sent("cancelled", "member", ways.cancel),
    Sent("resolved", "member", partial(ways.resolve, reason="it is in the registry")),
    Sent("resolved without a reason", "member", partial(ways.resolve, reason=" "), 400),
    Sent("disabled", "member", ways.disable),
    Sent("delivery", "member", ways.redeliver),
    Sent(
        "deliveries chosen",
        "member",
        partial(ways.choose_deliveries, ids=["delivery_ignored", "delivery_shop"]),
    ),
    Sent("no delivery chosen", "member", ways.choose_deliveries),
    Sent("deliveries", "member", ways.redeliver_several),
    Sent("notice", "member", ways.replay),
    Sent(
        "notices chosen",
        "member",
        partial(ways.choose_notices, query="channel=message&state=sent", verb="replay", count=2),
    ),
    Sent(
        "none to be dropped",
        "member",
        partial(ways.choose_notices, query="channel=message&state=sent", verb="drop"),
    ),
    Sent("notices", "member", partial(ways.do_notices, query="channel=team&state=pending", verb="drop")),
    Sent("silence", "admin", ways.end_a_silence),
    Sent("rules that match", "member", partial(ways.try_rules, rules=RULES, ref="main", **PUSHED)),
    Sent("rules that do not", "viewer", partial(ways.try_rules, ref=LONG[:99], **PUSHED)),
    Sent("rules with faults", "member", partial(ways.try_rules, rules=FAULTY, ref="main", **PUSHED)),
    Sent("no JSON", "member", partial(ways.try_rules, what="pasted", source="plain", body=f"{{{LONG}"), 400),
)


@pytest.mark.parametrize("sent", FORMS, ids=lambda one: one.name.replace(" ", "_"))
async def test_every_page_that_a_form_leads_to_is_whole(window: Window, sent: Sent) -> None:
    for language in LANGUAGES:
        is_first = language == LANGUAGES[0]
        if is_first or sent.again:
            await window.become(sent.role or None, language)
            await sent.way(window)
        else:
            await window.again(language)
        assert window.status == sent.status
        assert await wrongs(window.page, window.faults, language, sent.status) == []
        # Who can use it is the same in the other language, and below the line that says what was done.
        if is_first and "done=" not in window.page.url:
            assert await inaccessible(window.page, PHONE, DESK) == []


@dataclass(frozen=True)
class Refused:
    """A form that is refused to a reader of a role, and with which status."""

    path: str
    role: str
    status: int
    fields: Mapping[str, str] = field(default_factory=dict)


_TOKEN: Final = {"name": "x", "role": "admin", "namespaces": "acme", "lifetime": "7", "kind": "token"}
_BUILD: Final = "/repositories/acme/never/build"
REFUSED: Final = (
    Refused("/sign-in", "", 401, {"token": "wrong"}),
    Refused(TOKENS, "viewer", 403, _TOKEN),
    Refused(TOKENS, "admin", 400, _TOKEN),
    Refused(TOKENS, "admin", 400),
    Refused(f"{TOKENS}/{{token}}/revoke", "viewer", 403),
    Refused(f"{TOKENS}/none/revoke", "admin", 404),
    Refused("/admin/sessions/none/end", "viewer", 403),
    Refused("/admin/sessions/none/end", "admin", 404),
    Refused("/account/sessions/none/end", "viewer", 404),
    Refused("/health/test", "viewer", 403, {"part": "builder:here"}),
    Refused("/health/test", "admin", 404, {"part": "builder:none"}),
    Refused("/health/reload", "viewer", 403),
    Refused("/builds/{build_web}/retry", "viewer", 403),
    Refused("/builds/{running}/retry", "member", 409),
    Refused("/builds/{running}/cancel", "viewer", 403),
    Refused("/builds/{build_shop}/cancel", "member", 409),
    Refused("/builds/{build_lost}/resolve", "viewer", 403, {"state": "failed", "reason": "x"}),
    Refused("/builds/{build_shop}/resolve", "member", 409, {"state": "failed", "reason": "x"}),
    Refused(_BUILD, "viewer", 403, {"name": "main"}),
    Refused(_BUILD, "member", 400, {"name": "main", "commit": "x"}),
    Refused(_BUILD, "member", 409, {"name": "none", "commit": "5" * 40}),
    Refused("/repositories/acme/never/disable", "viewer", 403),
    Refused("/repositories/acme/never/enable", "viewer", 403),
    Refused("/deliveries/{delivery_shop}/redeliver", "viewer", 403),
    Refused("/deliveries/none/redeliver", "member", 404),
    Refused("/deliveries/redeliver", "viewer", 403, {"id": "{delivery_shop}"}),
    Refused("/notices/{message}/replay", "viewer", 403),
    Refused("/notices/{pending}/replay", "member", 409),
    Refused("/notices/{message}/drop", "member", 409),
    Refused("/notices/chosen", "member", 400, {"do": "drop"}),
    Refused("/silences/none/end", "admin", 404),
    Refused(TESTER, "member", 400, {"what": "push"}),
    Refused(TESTER, "member", 400, {"what": "pasted", "body": "{}", "headers": "x"}),
    Refused(TESTER, "member", 404, {"what": "delivery", "delivery_id": "none"}),
    Refused(TESTER, "viewer", 403, {"what": "push", "rules": RULES, "ref": "main", **PUSHED}),
)
_SHOW_NOTHING: Final = {"/language", "/account/times", "/sign-out"}
"""Forms that each reader may send, and that lead to a page with an address."""


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_refusal_is_in_the_language_of_the_reader(changing: Seen, language: str) -> None:
    ids = {
        **changing.ids,
        "running": eventually(lambda: changing.daemon.builds(state="running"))[0]["build_id"],
    }
    pending = changing.daemon.api("/v1/notices?channel=team&state=pending")["results"]
    ids["pending"] = pending[-1]["id"]
    wrong: dict[str, object] = {}
    with httpx.Client(
        base_url=changing.daemon.url, headers={"accept-language": language}, verify=NO_TLS
    ) as client:
        for number, one in enumerate(REFUSED):
            headers = {"authorization": f"Bearer {changing.tokens[one.role]}"} if one.role else SAME
            fields = {
                "once": str(uuid4()),
                **{name: text.format(**ids) if name == "id" else text for name, text in one.fields.items()},
            }
            answer = client.post(one.path.format(**ids), data=fields, headers=headers)
            said = refusals_in(answer.text)
            if (
                answer.status_code != one.status
                or not said
                or not all(is_in(language, text) for text in said)
            ):
                wrong[f"{number} {one.path} {one.role}"] = (answer.status_code, said)
    assert wrong == {}


def refusals_in(page: str) -> list[str]:
    """Why a form was refused, above what the page shows otherwise."""
    return [said for alert in _ALERT.finditer(page) for said in _SAID.findall(alert[0])]


def is_in(language: str, text: str) -> bool:
    return bool(HAN.search(text)) == (language == "zh-CN")


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_has_sent_many_wrong_tokens_reads_that(changing: Seen, language: str) -> None:
    headers = {"accept-language": language, "x-forwarded-for": f"192.0.2.{len(language)}"} | SAME
    with httpx.Client(base_url=changing.daemon.url, headers=headers, verify=NO_TLS) as client:
        answers = (client.post("/sign-in", data={"token": "wrong"}) for _ in range(10 * ATTEMPT_RATE.count))
        answer = next(one for one in answers if one.status_code != httpx.codes.UNAUTHORIZED)
    assert answer.status_code == httpx.codes.TOO_MANY_REQUESTS
    assert is_in(language, refusals_in(answer.text)[0])
    assert '<input id="token"' in answer.text


def test_every_form_is_among_them() -> None:
    """A form that is added is sent, too."""
    shown = {route.path for subject in SUBJECTS for route in subject.routes if route.method == "POST"}
    missing = {
        path
        for path in shown - _SHOW_NOTHING
        if not any(re.fullmatch(re.sub(r"\{[a-z_]+\}", "[^/]+", path), one.path) for one in REFUSED)
    }
    assert missing == set()
