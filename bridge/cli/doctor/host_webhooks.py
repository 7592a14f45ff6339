"""The webhooks at the Git hosts, as their APIs show them: whether they are there, send, and are answered."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import anyio

from bridge.cli.doctor.finding import Check, Finding, State
from bridge.cli.doctor.servers import unread
from bridge.cli.setup import code_paths
from bridge.config.loader import Config, load_host_api
from bridge.errors import ConfigError
from bridge.forges.webhook_setup import Found, WebhookSetup
from bridge.registry import KINDS, WEBHOOKS
from bridge.rules.match import RuleSet

_NAME: Final = "webhook at the host"
_SECONDS: Final = 60.0
"""How long the check of a source may take."""
_ASKING_SECONDS: Final = 40.0
"""So long the host is asked for one repository after the other."""
_REPOSITORIES: Final = 20
_PROBLEMS: Final = 3
"""So many different ones of a source are shown."""
_PATIENCE: Final = 5.0


def checks(config: Config, rules: RuleSet, environ: Mapping[str, str]) -> Iterator[Check]:
    """A check for each source whose host can be asked."""
    public_url = config.settings.server.public_url
    for name, source in config.settings.sources.items():
        if public_url is not None and source.api and source.secrets and source.kind in WEBHOOKS:
            look = partial(_at_host, config.file, environ, rules, public_url, name)
            yield Check(_NAME, name, look, _SECONDS)


async def _at_host(
    file: Path, environ: Mapping[str, str], rules: RuleSet, public_url: str, source: str
) -> Sequence[Finding]:
    """What the host shows of the webhooks in the repositories of the rules, but of few of many."""
    try:
        settings = load_host_api(file, KINDS, environ, source)
    except ConfigError:
        return await unread(_NAME, source)
    if settings is None or settings.api is None:
        return []
    names = code_paths(rules, source, settings.kind)
    if not names:
        return []
    setup = WebhookSetup(
        WEBHOOKS[settings.kind](),
        settings.api,
        source,
        settings.secrets[0].reveal(),
        public_url,
        patience=_PATIENCE,
    )
    found: list[Found] = []
    with anyio.move_on_after(_ASKING_SECONDS):
        for name in names[:_REPOSITORIES]:
            found.append(await setup.verify(name))  # noqa: PERF401  # what was found stays when the time is over
    return _findings(source, found, len(names))


def _findings(source: str, found: Sequence[Found], count: int) -> list[Finding]:
    """A line for each of a few different problems, and one for the rest of so many repositories."""
    groups: dict[str, list[Found]] = {}
    for one in found:
        groups.setdefault(one.problem, []).append(one)
    sending = groups.pop("", [])
    good, answered = len(sending), sum(one.answer is not None for one in sending)
    finding = partial(Finding, check=_NAME, about=source)
    if good == count:
        what = f"the webhooks of {good} repositories are there and send"
        what += f": of {answered} the host shows a good last answer"
        return [finding(state=State.OK, what=what)]
    shown = [_problem(source, group) for group in list(groups.values())[:_PROBLEMS]]
    if len(shown) == len(groups) and len(found) == count:
        return shown
    what = f"{len(found)} of {count} repositories were asked for"
    if found:
        what += f": {good} have a webhook that sends, of {answered} the host shows a good last answer"
    cure = f"`buildbridge connect {source} --verify` asks for each"
    return [*shown, finding(state=State.WARN if shown or not good else State.OK, what=what, cure=cure)]


def _problem(source: str, group: Sequence[Found]) -> Finding:
    """The problem of these repositories; where it is how our webhook is set up, pushes do not come."""
    first, more = group[0], f" (+{len(group) - 1})" if len(group) > 1 else ""
    is_broken = first.hook is not None and bool(first.differences or first.hook.stopped)
    state = State.FAIL if is_broken else State.WARN
    return Finding(check=_NAME, about=f"{source}: {first.repository}{more}", state=state, what=first.problem)
