"""Takes secrets out of texts: those that are configured, and what looks like one."""

import base64
import json
import re
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any, Final
from urllib.parse import quote, quote_plus

MASK: Final = "***"
SHORTEST: Final = 4
"""Shorter secrets would mask ordinary words."""
MAX_FORMER: Final = 50
"""Each secret that is known costs time with every text."""
_SHORTEST_ENCODED: Final = 8
_SECRET_FIELD: Final = re.compile(
    r"(?i)passw(?:or)?d|pwd|secret|token|credential|authorization|cookie|(?:api|access|private|sign(?:ing)?)[_-]?key"
)
_PUBLIC_FIELDS: Final = frozenset({"token_id"})
_NAMES: Final = ("passw", "pwd", "secret", "token", "key", "credential")
_SENTENCE: Final = (
    "(?-i:the|an?|this|there|is|are|has|have|was|cannot|can|not|no|must|does|needs|it|which|write|set|leave) "
)
"""With what a sentence about a secret goes on: `channels.team.token: the secret file a cannot be read`."""
_FLAG: Final = re.compile(r"(\s-[pu](?:\s+|(?=[^\s-])))\S+")
Mask = str | Callable[[re.Match[str]], str]
_SHAPES: Final[tuple[tuple[tuple[str, ...], re.Pattern[str], Mask], ...]] = (
    (
        ("private key-----",),
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
        MASK,
    ),
    # The text may begin inside a key.
    (("private key-----",), re.compile(r"\A.*-----END [A-Z ]{0,40}PRIVATE KEY-----", re.DOTALL), MASK),
    (
        ("authorization", "cookie", "x-api-key"),
        re.compile(r"(?im)\b((?:proxy-)?authorization|cookie|x-api-key)(\s*[:=]\s*).*$"),
        rf"\1\2{MASK}",
    ),
    (
        _NAMES,
        re.compile(
            r"(?i)([\w-]{0,40}(?:passw(?:or)?d|pwd|secret|token|api[_-]?key|access[_-]?key|credential)[\w-]{0,40}"
            rf"[\"']?(?:\s*[:=]\s*|(?<=-)\s+))(?!{_SENTENCE})(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s,;&]+)"
        ),
        rf"\1{MASK}",
    ),
    (_NAMES, re.compile(r"(?i)((?<![\w/.])--?(?:passw(?:or)?d|secret|token|api-key)\s+)\S+"), rf"\1{MASK}"),
    (
        ("login", "mysql", "mariadb", "sshpass", "curl"),
        re.compile(r"(?i)\b(?:login|mysql|mysqldump|mariadb|sshpass|curl)\b[^\n]*"),
        lambda found: _FLAG.sub(rf"\1{MASK}", found[0]),
    ),
    (("密", "口令", "令牌"), re.compile(r"((?:密码|口令|令牌|密钥)\s*[:\uff1a=]\s*)\S+"), rf"\1{MASK}"),
    (
        ("hook", "key=", "sign=", "sig="),
        re.compile(
            r"(?i)(/hook/|hooks\.slack\.com/services/|discord\w*\.com/api/(?:v\d+/)?webhooks/|[?&](?:key|sign|sig)=)[\w/%-]{8,}"
        ),
        rf"\1{MASK}",
    ),
    ((":aa",), re.compile(r"(?<![0-9])[0-9]{6,12}:AA[\w-]{30,60}"), MASK),
    (("://",), re.compile(r"(\w{1,20}://[^\s/:@]{0,200}:)[^\s/@]{1,500}@"), rf"\1{MASK}@"),
    (("bearer", "basic"), re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    (("akia", "asia", "ltai"), re.compile(r"\b(?:AKIA|ASIA|LTAI)[0-9A-Za-z]{12,}"), MASK),
    (
        ("gh", "github_pat_", "glpat-", "xox", "sk-", "tk_"),
        re.compile(r"\b(?:gh[opusr]_|github_pat_|glpat-|xox[abprs]-|sk-|tk_)[\w-]{16,}"),
        MASK,
    ),
    (("eyj",), re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"), MASK),
)
"""What looks like a secret; an expression is tried only on a text that holds one of its words."""


class Redactor:
    """Replaces known secrets in texts, also where they are encoded, or quoted for a URL or a line of log."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._known: dict[str, None] = {}
        self.learn(secrets)

    def learn(self, secrets: Collection[str]) -> None:
        """Know these instead; the newest of those before stay known, since texts with them may come late."""
        now = {secret: None for secret in secrets if len(secret) >= SHORTEST}
        former = islice((secret for secret in self._known if secret not in now), MAX_FORMER)
        self._known = {**now, **dict.fromkeys(former)}
        forms = {form for secret in self._known for form in _forms(secret)}
        # The longest first: a secret may hold another one.
        self._secrets = sorted(forms, key=len, reverse=True)

    def text(self, value: str) -> str:
        """A text of our own, in which only known secrets can stand."""
        for secret in self._secrets:
            if secret in value:
                value = value.replace(secret, MASK)
        return value

    def foreign(self, value: str) -> str:
        """A text that others wrote, such as a log: what looks like a secret is taken out, too."""
        return masked(self.text(value))


def masked(text: str) -> str:
    """The text without what looks like a secret."""
    lower = text.lower()
    for words, pattern, mask in _SHAPES:
        if any(word in lower for word in words):
            text = pattern.sub(mask, text)
    return text


def without_secrets(value: Any, redact: Callable[[str], str]) -> Any:
    """A JSON value whose texts are redacted; of a field whose name is that of a secret nothing is shown."""
    match value:
        case str():
            return redact(value)
        case dict():
            return {name: _field(name, inner, redact) for name, inner in value.items()}
        case list() | tuple():
            return [without_secrets(inner, redact) for inner in value]
        case _:
            return value


def _field(name: str, value: Any, redact: Callable[[str], str]) -> Any:
    shown = value is None or isinstance(value, bool) or name in _PUBLIC_FIELDS
    return without_secrets(value, redact) if shown or not _SECRET_FIELD.search(name) else MASK


def _forms(secret: str) -> Iterator[str]:
    yield quote(secret, safe="")
    yield quote_plus(secret)
    # The text of an error may quote the secret, and the line quotes that text again.
    for text in (secret, repr(secret)[1:-1]):
        yield text
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
    yield from _encoded(secret.encode())


def _encoded(secret: bytes) -> Iterator[str]:
    """What base64 makes of the secret wherever it stands in a longer text, as in `user:secret`."""
    for before in range(3):
        code = base64.b64encode(bytes(before) + secret).decode()
        # The first characters and the last depend on what stands beside the secret.
        whole = code[-(-before * 8 // 6) : (before + len(secret)) * 8 // 6]
        if len(whole) >= _SHORTEST_ENCODED:
            yield whole
            yield whole.translate(str.maketrans("+/", "-_"))
