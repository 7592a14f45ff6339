"""The commonest mistakes with the channels: how each is made, and what people then read."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from channels.telegram.bot_server import CHAT, TOKEN, refuses
from channels.wecom_app.api import SECRET as WECOM_SECRET
from channels.wecom_app.api import FakeApi
from channels.wecom_app.contract import APP
from support.fake_robots import FakeRobot, answer, errcode
from support.fake_smtp import USERNAME, FakeSmtp

Settings = dict[str, Any]
Prepared = Callable[[Any], Settings | None]
"""Makes a mistake at the fake, and says the settings that are part of it."""

ROBOT: Final[Settings] = {"allow_private": True}
MAIL: Final[Settings] = {"host": "localhost", "from": "ci@example.com", "to": ["team@example.com"]}

BOT: Final[Settings] = {"token": TOKEN, "chat": CHAT}
WHSEC: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""A secret of Standard Webhooks."""
_SIGN_IN: Final = answer(302, b"", location="https://sso.example.com/start")


def says(code: int, words: str) -> Prepared:
    """The robot answers this code."""
    return lambda robot: robot.scripted.append(errcode(code, words))


def says_code(code: int, words: str) -> Prepared:
    """Feishu's robot answers this code."""
    told = json.dumps({"code": code, "msg": words}).encode()
    return lambda robot: robot.scripted.append(answer(200, told))


def refused(code: int, words: str, **parameters: int) -> Prepared:
    """Telegram refuses with these words."""
    return lambda bot: bot.scripted.append(refuses(code, words, **parameters))


def given(**settings: Any) -> Prepared:
    return lambda _peer: settings


def named(host: str) -> Prepared:
    """The robot is called by another name."""
    return lambda robot: {"url": robot.url.replace("127.0.0.1", host)}


def _public(robot: FakeRobot) -> Settings:
    return {"url": robot.url.replace("http:", "https:"), "allow_private": False}


ROBOTS: Final[Mapping[str, Prepared]] = {
    "cannot connect to …: the name cannot be resolved": named("nobody.invalid"),
    "a sign-in page at sso.example.com answers in place of the robot (HTTP 302): check the url, and any "
    "proxy or portal on the way": lambda robot: robot.scripted.append(_SIGN_IN),
    "which is not public: set allow_private: true if that is meant": _public,
}
"""On the way to the robot of any vendor."""
UNTRUSTED: Final = (
    "comes from an authority that is not trusted here: set ca_file to a PEM file with that authority's "
    "certificate"
)
"""Made at a server of TLS in place of the fake."""
_ROBOT_URLS: Final[Mapping[str, Settings]] = {
    "the URL has to start with https://; plain http needs allow_private: true": {
        "url": "http://robot.example.com/send?access_token=x&key=x"
    },
}
INVENTED: Final = "is the one that `init` invented"
"""Of the file that `init` wrote."""

CHECKED: Final[Mapping[str, Mapping[str, Settings]]] = {
    "DING_TALK": {
        "the URL has no access_token=…: copy the webhook address whole": {
            "url": "https://oapi.dingtalk.com/robot/send"
        },
        "the URL has to start with https:// and a host": {"url": "SEC0123456789abcdef"},
        **_ROBOT_URLS,
    },
    "WECOM": {
        "the URL has no key=…: copy the webhook address whole": {
            "url": "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"
        },
        "the URL has to start with https:// and a host": {"url": "693a91f6-7aaa-4bc4-97a0-0ec2sifa5aaa"},
        **_ROBOT_URLS,
    },
    "FEISHU": {
        "the URL has no /bot/v2/hook/…: copy the webhook address whole": {
            "url": "https://open.feishu.cn/open-apis/bot/hook/0123456789"
        },
        "the URL has to start with https:// and a host": {"url": "5f8c6d1e-0a4b-4c7d-9e2f-13a5b7c9d0e1"},
        "the URL has to start with https://; plain http needs allow_private: true": {
            "url": "http://open.feishu.cn/open-apis/bot/v2/hook/0123456789"
        },
    },
    "SLACK": {
        "the URL has no /services/…: copy the webhook address whole": {"url": "https://hooks.slack.com/"},
        "the URL has to start with https:// and a host": {"url": "hooks.slack.com/services/T0/B0/x"},
        "the URL has to start with https://; plain http needs allow_private: true": {
            "url": "http://hooks.slack.com/services/T0/B0/x"
        },
    },
    "TEAMS": {
        "the URL has no sig=…: copy the webhook address whole": {
            "url": "https://acme.webhook.office.com/webhookb2/0/IncomingWebhook/0/0"
        },
        "the URL has to start with https:// and a host": {"url": "prod-00.westeurope.logic.azure.com/?sig=x"},
        "the URL has to start with https://; plain http needs allow_private: true": {
            "url": "http://prod-00.westeurope.logic.azure.com/workflows/0?sig=x"
        },
    },
    "DISCORD": {
        "the URL has no /webhooks/…: copy the webhook address whole": {
            "url": "https://discord.com/channels/41771983423143937/41771983423143938"
        },
        "the URL has to start with https:// and a host": {"url": "discord.com/api/webhooks/0/x"},
        "the URL has to start with https://; plain http needs allow_private: true": {
            "url": "http://discord.com/api/webhooks/0/x"
        },
    },
    "WECOM_APP": {
        'is the id of the company, "ww…": copy 企业 ID at the end of 我的企业': APP | {"corpid": "1000002"},
        "a notice needs a recipient: set touser, toparty or totag": APP | {"touser": []},
        'is the user id of one member, or "@all"': APP | {"touser": ["alice|bob"]},
        '"@all" is everyone: leave the others out': APP | {"touser": ["@all", "alice"]},
        "the URL has to start with https:// and a host": APP | {"api": "wecom.example.com"},
        "the URL has to start with https://; plain http needs allow_private: true": APP
        | {"api": "http://wecom.example.com"},
    },
    "TELEGRAM": {
        'this is not the whole text of a bot, "123456789:AA…": copy it from @BotFather': BOT
        | {"token": "AAE-t0kenOfTheTests"},
        "is the id of a chat, such as -1001234567890, or the @name of a public one": BOT | {"chat": "team"},
        "the URL has to start with https:// and a host": BOT | {"api": "telegram.example.com"},
        "the URL has to start with https://; plain http needs allow_private: true": BOT
        | {"api": "http://telegram.example.com"},
    },
    "NTFY": {
        "the URL has to end with one topic of letters, digits, - and _, as https://ntfy.sh/TOPIC does": {
            "url": "https://ntfy.sh/"
        },
        "the URL has to start with https:// and a host": {"url": "ntfy.sh/builds"},
        "the URL has to start with https://; plain http needs allow_private: true": {
            "url": "http://ntfy.example.com/builds"
        },
    },
    "WEBHOOK": {
        'a secret is "whsec_" and 24 to 64 random bytes in base64': {
            "url": "https://receiver.example.com/hooks",
            "secrets": ["0123456789abcdef"],
        },
        "the URL has to start with https:// and a host": {"url": "receiver.example.com", "secrets": [WHSEC]},
        "the URL has to start with https://; plain http needs allow_private: true": {
            "url": "http://receiver.example.com/hooks",
            "secrets": [WHSEC],
        },
    },
    "MAIL": {
        "username and password go together": MAIL | {"username": "ci"},
        "tls: none would send the password in clear: use starttls or implicit": (
            MAIL | {"tls": "none", "username": "ci", "password": "0123456789abcdef"}
        ),
        "write one mail address, such as ci@example.com or CI <ci@example.com>": (
            MAIL | {"to": ["a@example.com, b@example.com"]}
        ),
    },
    "COMMIT_STATUS": {
        "Gitea is at an address of your own: set url to it": {"host": "Gitea", "token": "0123456789abcdef"},
        "the URL has to start with https:// and a host": {
            "host": "GitLab",
            "url": "gitlab.example.com",
            "token": "0123456789abcdef",
        },
        "the URL has to start with https://; plain http needs allow_private: true": {
            "host": "Gitea",
            "url": "http://git.example.com",
            "token": "0123456789abcdef",
        },
        "GitHub takes no username: leave it out": {
            "host": "GitHub",
            "username": "ci",
            "token": "0123456789abcdef",
        },
    },
    "APPRISE": {
        "the URL has to be one of Apprise, such as gotify://host/TOKEN": {"url": "gotify.example.com/AAbbCC"},
        "the URL has white space in it: write %20 in its place, and one URL only": {
            "url": "gotify://gotify.example.com/AAbbCC gotify://gotify.example.com/DDeeFF"
        },
        "a second URL stands in it: make a channel for each, and write %3A// in a value": {
            "url": "gotify://gotify.example.com/AAbbCC,json://hooks.example.com/x"
        },
        "https is no service: take its URL of Apprise, such as gotify://host/TOKEN": {
            "url": "https://gotify.example.com/message?token=AAbbCC"
        },
        "there is a kind for slack, which reads the answers: use kind: SLACK": {
            "url": "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
        },
        "mqtt does not send by HTTP alone: only such services can be used": {
            "url": "mqtt://mqtt.example.com/builds"
        },
    },
    "MESSAGE": {},
}
"""What `check` says, and the settings of which."""


def _without_secret(_robot: FakeRobot) -> Settings:
    return {"secret": None}


DINGTALK: Final[Mapping[str, Prepared]] = {
    "the robot asks for a signature: set `secret` to the text of its security setting": _without_secret,
    "the signature does not match: check `secret` against the robot's settings": given(secret="SECanother"),
    "the robot does not accept our time: set this machine's clock": says(310000, "invalid timestamp"),
    "the robot asks for a keyword: set `keyword` to one of its keywords": says(
        310000, "keywords not in content, more: [https://ding-doc.dingtalk.com]"
    ),
    "the robot does not accept our address: add it to the robot's IP ranges": says(
        310000, "ip 192.0.2.7 not in whitelist"
    ),
    "the token does not exist: copy the robot's address again": lambda robot: {
        "url": re.sub("access_token=.", "access_token=z", robot.url)
    },
    "the robot was stopped in the group's settings": says(400102, "robot is disabled"),
    "the robot was removed from the group": says(400106, "robot not in group"),
    "the group was dissolved": says(400013, "group dissolved"),
    "send too fast, exceed 20 times per minute": says(130101, "send too fast, exceed 20 times per minute"),
    **ROBOTS,
}
WECOM: Final[Mapping[str, Prepared]] = {
    "the key is not valid: copy the robot's address again": lambda robot: {
        "url": re.sub("key=.", "key=z", robot.url)
    },
    "WeCom answered 45009: api freq out of limit": says(45009, "api freq out of limit, hint: [1]"),
    "WeCom answered -1: system busy": says(-1, "system busy"),
    "the answer has no errcode: it does not come from the robot, check the url": (
        lambda robot: robot.scripted.append(answer(200, b"{}"))
    ),
    "the answer is a web page: it does not come from the robot, check the url": (
        lambda robot: robot.scripted.append(answer(200, b"<!DOCTYPE html><html>", "text/html"))
    ),
    **ROBOTS,
}


def _untrusted(api: FakeApi) -> None:
    api.trusted = False


WECOM_APP: Final[Mapping[str, Prepared]] = {
    "the secret is not valid: copy it from the page of the application again": given(
        secret=f"{WECOM_SECRET}0"
    ),
    "there is no such company: copy `corpid` from 我的企业 again": given(corpid="ww0000000000000000"),
    "the secret is that of another application: copy `agentid` and the secret from one page": given(
        agentid=1000003
    ),
    "add 192.0.2.7 to 企业可信 IP on the page of the application": _untrusted,
    "`touser`, `toparty` and `totag` name no one who may see the application: check them": given(
        touser=["nobody"]
    ),
    "not sent to carol: unknown to WeCom, or may not see the application": given(touser=["alice", "carol"]),
    "the application may not send messages: allow it in the administration": says(48002, "api forbidden"),
    "WeCom answered 45009: api freq out of limit": says(45009, "api freq out of limit, hint: [1]"),
    "WeCom answered -1: system busy": says(-1, "system busy"),
    "the answer has no errcode: it does not come from WeCom, check the api": (
        lambda api: api.scripted.append(answer(200, b"{}"))
    ),
    "a sign-in page at sso.example.com answers in place of WeCom (HTTP 302)": (
        lambda api: api.token_scripts.append(_SIGN_IN)
    ),
    "cannot connect to …: the name cannot be resolved": given(api="http://nobody.invalid"),
    "which is not public: set allow_private: true if that is meant": given(
        api="https://127.0.0.1:1", allow_private=False
    ),
}
FEISHU: Final[Mapping[str, Prepared]] = {
    "the robot asks for a signature: set `secret` to the key of its security setting": _without_secret,
    "the signature does not match: check `secret`, and this machine's clock": given(secret="another"),
    "the robot asks for a keyword: set `keyword` to one of its keywords": says_code(
        19024, "Key Words Not Found"
    ),
    "the robot does not accept our address: add it to the robot's IP whitelist": says_code(
        19022, "Ip Not Allowed"
    ),
    "there is no such robot: copy the robot's address again": lambda robot: {"url": f"{robot.url}0"},
    "Feishu answered 11232: frequency limited": says_code(11232, "frequency limited psm[lark]"),
    "Feishu answered 9499: Bad Request": says_code(9499, "Bad Request"),
    "the answer has no code: it does not come from the robot, check the url": (
        lambda robot: robot.scripted.append(answer(200, b"{}"))
    ),
    **ROBOTS,
}
_IN_PLACE: Final = "a sign-in page at sso.example.com answers in place of the receiver (HTTP 302)"
WEBHOOK: Final[Mapping[str, Prepared]] = {
    "the receiver answered HTTP 401: check `secrets` and `url` against its settings": given(
        secrets=["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]
    ),
    "the server answered HTTP 404": lambda receiver: {"url": f"{receiver.url}/0"},
    "the receiver answered HTTP 410, it is gone: nothing is sent to it until the channel is changed": (
        lambda receiver: receiver.scripted.append(answer(410, b""))
    ),
    "the receiver answered HTTP 502": lambda receiver: receiver.scripted.append(answer(502, b"")),
    "the server redirects (HTTP 301), and the bridge does not follow: check the url": (
        lambda receiver: receiver.scripted.append(answer(301, b"", location="/elsewhere"))
    ),
    _IN_PLACE: lambda receiver: receiver.scripted.append(_SIGN_IN),
    **{sentence: mistake for sentence, mistake in ROBOTS.items() if "sign-in" not in sentence},
}


def word(status: int, said: str) -> Prepared:
    """The peer answers this word."""
    return lambda hook: hook.scripted.append(answer(status, said.encode(), "text/plain"))


SLACK: Final[Mapping[str, Prepared]] = {
    "there is no such webhook: copy the webhook URL again, or make a new one": lambda hook: {
        "url": f"{hook.url}0"
    },
    "the channel of the webhook was deleted: copy the webhook URL again, or make a new one": word(
        404, "channel_not_found"
    ),
    "the channel of the webhook is archived: unarchive it, or choose another one": word(
        410, "channel_is_archived"
    ),
    "an administrator does not allow this webhook to post there": word(403, "action_prohibited"),
    "the server asks for fewer requests (HTTP 429)": word(429, "rate_limited"),
    "the answer is not ok: it does not come from Slack, check the url": word(200, "hello"),
    _IN_PLACE.replace("the receiver", "Slack"): lambda hook: hook.scripted.append(_SIGN_IN),
    **{sentence: mistake for sentence, mistake in ROBOTS.items() if "sign-in" not in sentence},
}


TELEGRAM: Final[Mapping[str, Prepared]] = {
    "there is no such bot: copy `token` from @BotFather again": given(token=f"{TOKEN}0"),
    "the bot knows no such chat: check `chat`, and that the bot was added to it": given(chat=4242),
    "the group has no such topic: check `thread`": given(thread=4242),
    "the bot was removed from the group: add it again": refused(
        403, "Forbidden: bot was kicked from the supergroup chat"
    ),
    "the bot may not post there: allow it in the permissions of the group": refused(
        400, "Bad Request: not enough rights to send text messages to the chat"
    ),
    "the bot may not post there: make it an administrator of the channel": refused(
        400, "Bad Request: need administrator rights in the channel chat"
    ),
    "a bot cannot write first: the person has to open it and press Start": refused(
        403, "Forbidden: bot can't initiate conversation with a user"
    ),
    "the group is a supergroup now: set `chat` to": refused(
        400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1009
    ),
    "Telegram answered 429: Too Many Requests": refused(
        429, "Too Many Requests: retry after 7", retry_after=7
    ),
    "the answer has no ok: it does not come from Telegram, check the api": word(200, "1"),
    _IN_PLACE.replace("the receiver", "Telegram"): lambda bot: bot.scripted.append(_SIGN_IN),
    "cannot connect to …: the name cannot be resolved": given(api="http://nobody.invalid"),
    "which is not public: set allow_private: true if that is meant": given(
        api="https://127.0.0.1:1", allow_private=False
    ),
}


def fails(status: int, code: str) -> Prepared:
    """The workflow of Teams answers this code."""
    told = json.dumps({"error": {"code": code, "message": "as scripted"}}).encode()
    return lambda workflow: workflow.scripted.append(answer(status, told))


TEAMS: Final[Mapping[str, Prepared]] = {
    "the workflow does not accept the key in the URL: copy the workflow's URL again": lambda workflow: {
        "url": workflow.url[:-1]
    },
    "the workflow asks for a login: let anyone trigger it, and copy the workflow's URL again": fails(
        401, "DirectApiAuthorizationRequired"
    ),
    "the workflow is turned off or deleted: turn it on, or copy the URL of another one": fails(
        400, "WorkflowTriggerIsNotEnabled"
    ),
    "TriggerInputSchemaMismatch": fails(400, "TriggerInputSchemaMismatch"),
    "the answer is not 202: it does not come from the workflow, check the url": word(200, "1"),
    "the server asks for fewer requests (HTTP 429)": word(429, ""),
    _IN_PLACE.replace("the receiver", "the workflow"): lambda workflow: workflow.scripted.append(_SIGN_IN),
    **{sentence: mistake for sentence, mistake in ROBOTS.items() if "sign-in" not in sentence},
}


def says_number(status: int, code: int) -> Prepared:
    """Discord answers this code."""
    told = json.dumps({"code": code, "message": "as scripted"}).encode()
    return lambda hook: hook.scripted.append(answer(status, told))


DISCORD: Final[Mapping[str, Prepared]] = {
    "the URL is not valid: copy the webhook URL again, or make a new one": lambda hook: {
        "url": hook.url[:-1]
    },
    "there is no such webhook: copy the webhook URL again, or make a new one": says_number(404, 10015),
    "the channel is a forum: put the thread_id of one of its posts into the url, or choose a text channel": (
        says_number(400, 220001)
    ),
    "the thread is closed: open it, or take its thread_id out of the url": says_number(400, 50083),
    "the server asks for fewer requests (HTTP 429)": word(429, ""),
    "the answer has no message in it: it does not come from Discord, check the url": word(200, "hello"),
    _IN_PLACE.replace("the receiver", "Discord"): lambda hook: hook.scripted.append(_SIGN_IN),
    **{sentence: mistake for sentence, mistake in ROBOTS.items() if "sign-in" not in sentence},
}


def says_ntfy(code: int) -> Prepared:
    """The server of ntfy answers this code."""
    told = json.dumps({"code": code, "http": code // 100, "error": "as scripted"}).encode()
    return lambda server: server.scripted.append(answer(code // 100, told))


NTFY: Final[Mapping[str, Prepared]] = {
    "the server asks for a login: set `token` to an access token": given(token=None),
    "the server does not know `token`: make another one": given(token="tk_another"),
    "no right to write to the topic: allow it on the server (ntfy access)": lambda server: {
        "url": f"{server.url}0"
    },
    "subscribe to the topic first, or choose one that does not begin with up": says_ntfy(50701),
    "ntfy answered 42901": says_ntfy(42901),
    "ntfy answered 42908": says_ntfy(42908),
    "the answer has no message in it: it does not come from the ntfy server, check the url": word(200, "hi"),
    _IN_PLACE.replace("the receiver", "the ntfy server"): lambda server: server.scripted.append(_SIGN_IN),
    **{sentence: mistake for sentence, mistake in ROBOTS.items() if "sign-in" not in sentence},
}


def _refuses(command: str, words: str) -> Prepared:
    def prepare(server: FakeSmtp) -> None:
        server.answers[command].append(words)

    return prepare


_TEAM: Final = "rejected: team@example.com: the mail server answered"
SMTP: Final[Mapping[str, tuple[Literal["starttls", "implicit", "none"], Prepared]]] = {
    "begins with TLS: set tls: implicit": ("implicit", given(tls="starttls")),
    "answers without TLS at this port: set tls: starttls, or the port for tls: implicit": (
        "none",
        given(tls="implicit"),
    ),
    "the mail server does not support a setting of the channel: SMTP STARTTLS extension not supported by "
    "server": ("none", given(tls="starttls")),
    "the mail server answered 535:": ("starttls", given(username=USERNAME, password="login-password")),
    "the mail server answered 530:": ("none", _refuses("MAIL", "530 log in first")),
    "the mail server answered 553:": ("none", _refuses("MAIL", "553 not your address")),
    f"{_TEAM} 550:": ("none", _refuses("RCPT", "550 no such user")),
    f"{_TEAM} 554:": ("none", _refuses("DATA", "554 looks like spam")),
    "team@example.com: the mail server answered 450:": ("none", _refuses("RCPT", "450 greylisted")),
    "no session with localhost: ConnectionRefusedError": ("none", given(port=1)),
    "no session with nobody.invalid: gaierror": ("none", given(host="nobody.invalid")),
    UNTRUSTED: ("implicit", given(tls="implicit", ca_file=None)),
}
"""What `channels test` says of mail, the `tls` of the server, and the mistake."""
COMMIT_STATUS: Final[Mapping[str, Prepared]] = {
    "GitHub does not accept the token, which is wrong, expired or revoked": given(token="another-0123456789"),
    "there is no such repository, or the token may not report to it: it needs the scope repo:status, or the "
    "permission Commit statuses (read and write)": lambda host: host.scripted.append(
        answer(404, b'{"message": "Not Found"}')
    ),
    "GitHub answered 422: No commit found for SHA": lambda host: host.scripted.append(
        answer(422, b'{"message": "No commit found for SHA: 1a2b"}')
    ),
    "the server asks for fewer requests (HTTP 429)": lambda host: host.scripted.append(answer(429, b"{}")),
    "the answer is not JSON: it does not come from GitHub, check the url": lambda host: host.scripted.append(
        answer(200, b"hello", "text/plain")
    ),
    _IN_PLACE.replace("the receiver", "GitHub"): lambda host: host.scripted.append(_SIGN_IN),
    **{sentence: mistake for sentence, mistake in ROBOTS.items() if "sign-in" not in sentence},
}
APPRISE: Final[Mapping[str, Prepared]] = {
    "knows no service gotfy: look into its list": given(url="gotfy://gotify.example.com/AAbbCC"),
    "Apprise does not accept the url: compare it with the page of the service": given(
        url="gotify://gotify.example.com"
    ),
    "the service answered HTTP 401: check the url against its settings": lambda site: {
        "url": f"{site.url}0".replace("http:", "json:")
    },
    "the service answered HTTP 413 to the notice": lambda site: site.scripted.append(answer(413, b"")),
    "the server asks for fewer requests (HTTP 429)": lambda site: site.scripted.append(answer(429, b"")),
    "the server redirects (HTTP 301), and the bridge does not follow: check the url": (
        lambda site: site.scripted.append(answer(301, b"", location="/elsewhere"))
    ),
    _IN_PLACE.replace("the receiver", "the service"): lambda site: site.scripted.append(_SIGN_IN),
    "cannot connect to …: the name cannot be resolved": given(url="json://nobody.invalid/x"),
    "the service would be called without TLS: take its scheme with an s at the end": given(
        allow_private=False
    ),
    "which is not public: set allow_private: true if that is meant": given(
        url="jsons://127.0.0.1:1/x", allow_private=False
    ),
}
TOLD: Final[Mapping[str, frozenset[str]]] = {
    "DING_TALK": frozenset({*DINGTALK, UNTRUSTED}),
    "WECOM": frozenset({*WECOM, UNTRUSTED}),
    "WECOM_APP": frozenset({*WECOM_APP, UNTRUSTED}),
    "FEISHU": frozenset({*FEISHU, UNTRUSTED}),
    "SLACK": frozenset({*SLACK, UNTRUSTED}),
    "TELEGRAM": frozenset({*TELEGRAM, UNTRUSTED}),
    "TEAMS": frozenset({*TEAMS, UNTRUSTED}),
    "DISCORD": frozenset({*DISCORD, UNTRUSTED}),
    "NTFY": frozenset({*NTFY, UNTRUSTED}),
    "WEBHOOK": frozenset({*WEBHOOK, UNTRUSTED}),
    "COMMIT_STATUS": frozenset({*COMMIT_STATUS, UNTRUSTED}),
    "APPRISE": frozenset({*APPRISE, UNTRUSTED}),
    "MAIL": frozenset(SMTP),
    "MESSAGE": frozenset(),
}
"""What `channels test` says."""
