"""Whether the Git hosts say what the refs of the code are, so that what no webhook reports is found."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from bridge.cli import show
from bridge.cli.doctor.finding import Finding, State
from bridge.config.loader import Config
from bridge.planning.looked_code import Code, codes, failing_looks
from bridge.rules.match import RuleSet
from bridge.runtime.clock import system_clock
from bridge.store.base import Store
from bridge.store.refs import CodeLook


async def looks(config: Config, rules: RuleSet, store: Store) -> Sequence[Finding]:
    """How the last looks at the code of each source went; without webhooks one that fails is a failure."""
    states, now = await store.looks.states(), system_clock()
    of_sources = defaultdict[str, list[tuple[Code, CodeLook]]](list)
    for key, code in codes(rules, config).items():
        of_sources[code.source].append((code, states.get(key, CodeLook())))
    return [_of_source(source, seen, now) for source, seen in of_sources.items()]


def _of_source(source: str, seen: Sequence[tuple[Code, CodeLook]], now: float) -> Finding:
    finding = partial(Finding, check="looks", about=source)
    times = [look.looked_at for _, look in seen if look.looked_at is not None]
    if failing := [(code.name, look.error) for code, look in seen if look.error]:
        last = f"the last good look was {_age(max(times), now)} ago" if times else "no look ever went well"
        state = State.FAIL if seen[0][0].polled else State.WARN
        cure = f"`buildbridge sources test {source}` asks the host in the same way"
        return finding(state=state, what=f"{failing_looks(failing)}; {last}", cure=cure)
    if unseen := [code.name for code, look in seen if look.looked_at is None]:
        more = f" and {len(unseen) - 1} more" if len(unseen) > 1 else ""
        cure = "that begins once the daemon runs, and a push or code_repo_clone_url has said the address"
        return finding(state=State.WARN, what=f"{min(unseen)}{more} were not looked at yet", cure=cure)
    return finding(state=State.OK, what=f"all code was looked at, the last of it {_age(min(times), now)} ago")


def _age(at: float, now: float) -> str:
    return show.duration(max(0, now - at))
