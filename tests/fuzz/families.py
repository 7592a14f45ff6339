"""The families of parsers that are fuzzed: what they begin with, and what must hold for any bytes."""

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from support.deliveries import HOSTS, SECRETS, samples
from support.notice_cases import TEMPLATED
from support.rules import NAMES
from support.templates import REFUSED, WORK

from bridge.channels.templates.worded import faults_of
from bridge.config.loader import load_config
from bridge.config.templates import MAX_BYTES as MAX_TEMPLATE
from bridge.config.templates import NoticeTemplate
from bridge.errors import BadDelivery, BadPayload, BadSignature, ConfigError, DeliveryError
from bridge.forges.base import Forge
from bridge.forges.fields import MAX_URL
from bridge.forges.push import MAX_CHANGED
from bridge.forges.request import Headers, Request
from bridge.model.event import MAX_REF_BYTES, Ignored, PushEvent
from bridge.model.notice import EventName
from bridge.registry import KINDS
from bridge.rules.loader import load_rules
from bridge.web.pages.ansi import MAX_CHANGES, MAX_SHOWN, shown

ROOT: Final = Path(__file__).parents[2]
FOUND: Final = Path(__file__).with_name("found")
"""Inputs that once broke something, one folder for each family."""
MAX_BYTES: Final = 1 << 16
MAX_SECONDS: Final = 0.05
_PAYLOADS: Final = ROOT / "tests" / "forges" / "payloads"
_TRIES: Final = 5
_FORM: Final = "application/x-www-form-urlencoded"
_NOW: Final = 1_700_000_000.0


@dataclass(frozen=True, slots=True)
class Family:
    """`check` raises when something does not hold; `seeds` are what the fuzzer changes first.

    It takes at most `seconds`.
    """

    seeds: Callable[[], Iterator[bytes]]
    check: Callable[[bytes], object]
    seconds: float = MAX_SECONDS

    def run(self, data: bytes) -> None:
        """Check, also that it does not take long; of several tries, so that a busy machine is no finding."""
        taken = [self._seconds(data)]
        while taken[-1] > self.seconds and len(taken) < _TRIES:
            taken.append(self._seconds(data))
        assert taken[-1] <= self.seconds, f"{min(taken):.3f} s for {len(data)} bytes"

    def _seconds(self, data: bytes) -> float:
        begun = time.thread_time()
        self.check(data)
        return time.thread_time() - begun


def _delivery_seeds(*, forms: bool) -> Iterator[bytes]:
    for sample in samples(_PAYLOADS):
        if sample.is_form == forms:
            head = "".join(f"{name}: {value}\n" for name, value in sample.headers.items())
            yield b"\n".join([sample.forge.host.encode(), head.encode("latin-1"), sample.body])


def _delivery(data: bytes) -> tuple[Forge, dict[str, str], bytes]:
    """A host in the first line, then headers, an empty line, and the body.

    What its first stored delivery has for headers stands below those, so that most bodies come to be read;
    a "-" before the first one leaves that out.
    """
    host, _, rest = data.partition(b"\n")
    head, _, body = rest.partition(b"\n\n")
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\n"))
    headers = {name.lower(): value.strip() for name, _, value in pairs if name}
    known = HOSTS.get(host.decode("latin-1"))
    forge = known or list(HOSTS.values())[sum(host) % len(HOSTS)]
    return forge, headers if head.startswith(b"-") else _USUAL[forge.host] | headers, body


def _check_delivery(data: bytes) -> None:
    forge, headers, body = _delivery(data)
    _check(forge, headers, body)


def _check_form(data: bytes) -> None:
    forge, headers, body = _delivery(data)
    if not headers.get("content-type", "").startswith(_FORM):
        headers["content-type"] = _FORM
    _check(forge, headers, body)


def _check(forge: Forge, headers: Headers, body: bytes) -> None:
    """A delivery as the receiver and the dispatcher treat it, also as if the proof had been right."""
    try:
        forge.verify(Request(headers, body), SECRETS, _NOW)
    except BadSignature as error:
        _check_reason(error)
    try:
        name, key = forge.event(Request(headers, body)), forge.delivery_id(Request(headers, body))
    except BadDelivery as error:
        return _check_reason(error)
    assert name
    assert key is None or 0 < len(key) <= 255
    kept = {header: value for header, value in headers.items() if header in forge.kept_headers}
    stored = forge.without_secrets(Request({}, body), SECRETS)
    _check_events(_events(forge, kept, stored))
    return _check_events(_events(forge, headers, body))


def _events(forge: Forge, headers: Headers, body: bytes) -> list[PushEvent | Ignored]:
    try:
        events = forge.parse(Request(headers, body))
    except (BadPayload, BadDelivery) as error:
        _check_reason(error)
        return []
    assert events
    return events


def _check_reason(error: DeliveryError) -> None:
    assert 0 < len(str(error)) < 1000
    assert str(error).isprintable()


def _check_faults(error: ConfigError) -> None:
    assert error.faults
    assert all(fault.problem and str(fault).isprintable() for fault in error.faults)


def _check_events(events: list[PushEvent | Ignored]) -> None:
    for event in events:
        ref, repo = event.ref, event.repo
        assert ref is None or len(ref.name.encode()) <= MAX_REF_BYTES
        assert event.sha is None or len(event.sha) in {40, 64}
        assert repo is None or len(repo.clone_url or "") <= MAX_URL
        assert isinstance(event, Ignored) or len(event.changed or ()) <= MAX_CHANGED


def _files(*folders: str) -> Iterator[bytes]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.yaml")):
            yield file.read_bytes()


def _check_file(data: bytes, load: Callable[[Path], object]) -> None:
    file = Path(_FOLDER.name, "any.yaml")
    file.write_bytes(data)
    try:
        load(file)
    except ConfigError as error:
        _check_faults(error)


def _template_seeds() -> Iterator[bytes]:
    for own in (own for _, templates in TEMPLATED.values() for own in templates.values()):
        yield from (source.encode() for source in (own.title, own.body) if source)
    for source in (*WORK.values(), *REFUSED.values()):
        yield source.encode()


def _check_template(data: bytes) -> None:
    source = data[:MAX_TEMPLATE].decode(errors="ignore")
    for event in (EventName.FAIL, EventName.DEGRADED) if source else ():
        for _, fault in faults_of(NoticeTemplate(body=source), event):
            assert 0 <= fault.offset <= len(source)
            assert fault.problem.isprintable()


def _log_seeds() -> Iterator[bytes]:
    yield b"\x1b[1;31mfailed\x1b[0m: \x1b[38;5;196mred\x1b[48;2;1;2;3m <b>&\x1b]0;title\x07 50 %\r100 %"
    yield b"\x1b[38:2::1:2:3m\x1b[4:3m\x1b[7mx\x1b[27m\x1b[2J\x1b[1;1H\x9b31m"
    yield b"\x1b]8;;https://git.example.com\x1b\\a link\x1b]8;;\x1b\\"
    yield b"\x1b[38;5mx\x1b[;;mx\x1b[1;2;3;4;7;91;107mx\x1b[21;22;23;24;27;39;49mx"
    yield "\u202eturned\u202c 构建 \x00\x08\x7f".encode()


def _check_log_line(data: bytes) -> None:
    found, _ = shown(data.decode(errors="replace"))
    assert _LINE.fullmatch(found)
    assert found.count("<span") <= MAX_CHANGES
    assert len(_TAG.sub("", found)) <= MAX_SHOWN * len("&quot;")


_LINE: Final = re.compile(r"""(?:<span class="[a-z0-9]+(?: [a-z0-9]+)*">[^<>"']*</span>|[^<>"'])*+""")
_TAG: Final = re.compile("<[^>]*>")
_USUAL: Final = {sample.forge.host: sample.headers for sample in reversed(samples(_PAYLOADS))}
_FOLDER: Final = tempfile.TemporaryDirectory(prefix="fuzz-")

FAMILIES: Final = {
    "forges": Family(lambda: _delivery_seeds(forms=False), _check_delivery),
    "forms": Family(lambda: _delivery_seeds(forms=True), _check_form),
    "rules": Family(
        lambda: _files("rules", "tests/rules"),
        lambda data: _check_file(data, lambda file: load_rules([file], NAMES)),
    ),
    "config": Family(
        lambda: _files("deploy", "tests/config"),
        lambda data: _check_file(data, lambda file: load_config(file, KINDS, {"HOOK": "a-secret"})),
    ),
    "log_lines": Family(_log_seeds, _check_log_line),
    "templates": Family(_template_seeds, _check_template, seconds=1.0),
}
