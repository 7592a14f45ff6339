"""What all dialects do their work with."""

from collections.abc import Callable, Mapping

import anyio

from bridge.config.settings import SourceSettings
from bridge.forges.base import Forge
from bridge.planning.notice_policy import NoticePolicy
from bridge.rules.lending import Lending, lending
from bridge.rules.schema import BuildRepository
from bridge.runtime.clock import Clock
from bridge.runtime.git.access import CloneAccess
from bridge.store.base import Store
from bridge.web.api.core.builds import BuildAccess
from bridge.web.api.core.deliveries import DeliveryAccess
from bridge.web.api.core.explain import Explainer
from bridge.web.api.core.failed_step import FailedLines
from bridge.web.api.core.health import HealthAccess, PartTest
from bridge.web.api.core.notices import NoticeAccess
from bridge.web.api.core.previews import Previews
from bridge.web.api.core.repositories import RepositoryAccess, RuleKeeper
from bridge.web.api.core.sessions import SessionAccess
from bridge.web.api.core.silences import SilenceAccess
from bridge.web.api.core.tokens import TokenAccess
from bridge.web.api.core.trigger import BuildTrigger
from bridge.web.api.credentials import Credentials


class Core:
    """The parts of the bridge as callers may see, change and use them.

    `keeper` holds the rules in force. `wake` is called when there is work: a delivery was stored, a build
    waits again or is to end, or a notice is to be sent once more. `forges` are by kind, `sources` those of
    bridge.yaml by name. `test` tests a builder or a channel. `credentials` makes tokens.
    """

    def __init__(
        self,
        store: Store,
        keeper: RuleKeeper,
        clock: Clock,
        wake: Callable[[], None],
        *,
        forges: Mapping[str, Forge],
        sources: Mapping[str, SourceSettings],
        test: PartTest,
        previews: Previews,
        credentials: Credentials,
    ) -> None:
        self.previews = previews
        self.store = store
        self.keeper = keeper
        self._sources = sources
        self.clock = clock
        # However many clients ask, one list, one search in a log and one look for a failure take a reader of
        # the store at a time: none waits for another kind, and a reader stays free for the daemon.
        self.one_list = anyio.Semaphore(1)
        self.one_search = anyio.Semaphore(1)
        self.failed_lines = FailedLines(store)
        self.builds = BuildAccess(store, self._notice_policy, wake, self.one_list)
        self.deliveries = DeliveryAccess(store, wake, self.one_list)
        self.notices = NoticeAccess(store, keeper, wake, self.one_list)
        self.silences = SilenceAccess(store, keeper, clock)
        self.health = HealthAccess(store, keeper, tuple(sources), test)
        self.repositories = RepositoryAccess(keeper)
        self.tokens = TokenAccess(store, credentials, clock)
        self.sessions = SessionAccess(store, clock)
        self.trigger = BuildTrigger(store, clock, wake, self._access_of)
        self.explainer = Explainer(
            keeper, self.deliveries, store.deliveries, forges=forges, sources=sources, clock=clock
        )

    def _notice_policy(self) -> NoticePolicy:
        return NoticePolicy(self.clock, pools=self.keeper.in_force.files.names.pools)

    def _access_of(self, repository: BuildRepository, address: str) -> tuple[Lending, CloneAccess | None]:
        """The source whose credentials may be used for code at this address, and what it has."""
        rules = self.keeper.in_force.rules
        lent = lending(rules, repository, rules.source_of(repository), address)
        if lent.source is None or (clone := self._sources[lent.source].clone) is None:
            return lent, None
        return lent, clone.access(lent.source)
