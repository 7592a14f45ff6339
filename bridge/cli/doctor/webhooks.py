"""How Git hosts reach us: our own address, and what of them has arrived."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bridge.cli import show
from bridge.cli.doctor.endpoints import Servers, Unreachable, endpoint_at
from bridge.cli.doctor.finding import Finding, State
from bridge.cli.doctor.servers import answers
from bridge.config.outline import Outline
from bridge.runtime.clock import system_clock
from bridge.store.base import Store

_OK: Final = 200
_SILENT_SECONDS: Final = 30 * 86_400.0
_REASONS: Final = 3


async def public_url(outline: Outline, servers: Servers) -> Sequence[Finding]:
    """Whether there is an address for Git hosts and browsers, and whether it leads to the daemon."""
    url = outline.settings.server.public_url
    endpoint = endpoint_at(url or "", path="/healthz")
    if url is None or endpoint is None:
        cure = "set server.public_url to the address at which Git hosts reach the daemon"
        return [_public(State.WARN, "it is not set: notices have no links", cure)]
    try:
        answer = await servers.ask(replace(endpoint, is_gits=True))
    except Unreachable as error:
        cure = f"if only this machine cannot reach it, ask for {url}/healthz from another one"
        return [_public(State.WARN, error.what, "; ".join(filter(None, (error.cure, cure))))]
    if answer.status != _OK:
        cure = "look at the proxy before the daemon: `buildbridge help reverse-proxy`"
        return [_public(State.WARN, f"{url}/healthz answers {answer.status}, not {_OK}", cure)]
    if not endpoint.tls:
        cure = "put a proxy with a certificate before it: `buildbridge help reverse-proxy`"
        return [
            _public(
                State.WARN, f"{url} is without TLS: tokens and code go over the network as they are", cure
            )
        ]
    return [_public(State.OK, answers(endpoint, answer))]


def _public(state: State, what: str, cure: str | None = None) -> Finding:
    return Finding(check="public_url", state=state, what=what, cure=cure)


async def deliveries(outline: Outline, store: Store) -> Sequence[Finding]:
    """When each source last sent something that was well signed."""
    sources = outline.settings.sources
    backlog, now = await store.monitoring.backlog(sources, (), ()), system_clock()
    found = []
    for name, source in sources.items():
        if not source.secrets:
            continue
        last = backlog.last_deliveries[name]
        state, cure = State.OK, None
        if last is None:
            state, what = State.WARN, "no well-signed delivery has arrived yet"
            cure = f"set up the webhook, and press its test button: `buildbridge help {source.kind.lower()}`"
        else:
            what = f"the last well-signed delivery arrived {show.duration(max(0, now - last))} ago"
            if now - last > _SILENT_SECONDS:
                state, cure = State.WARN, "look at the host whether the webhook is still active"
        if cure is not None and source.api:
            cure = f"`buildbridge connect {name} --verify` asks the host what is wrong with it"
        found.append(Finding(check="webhook", about=name, state=state, what=what, cure=cure))
    return found


async def rejected(store: Store) -> Sequence[Finding]:
    """Requests that were rejected: the store counts those of the last hour."""
    found = await store.activity.rejections()
    if not found:
        return [Finding(check="rejected requests", state=State.OK, what="none in the last hour")]
    cure = "`buildbridge help troubleshooting` explains each"
    return [
        Finding(
            check="rejected requests",
            about=one.source,
            state=State.WARN,
            what=f"{one.count} in the last hour: {one.reason}",
            cure=cure,
        )
        for one in found[:_REASONS]
    ]
