"""A store in an SQL database."""

from collections.abc import Collection
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection, delete, literal, update

from bridge.errors import StoreDied
from bridge.model.build import LOG_LIMIT
from bridge.model.notice import NoticeState
from bridge.runtime.clock import Clock
from bridge.store.schema import notice, seen_job, service
from bridge.store.sql import clockstep, retention
from bridge.store.sql.activity import Activity, RejectionCounts
from bridge.store.sql.audit import Audit
from bridge.store.sql.builds import Builds
from bridge.store.sql.database import Database
from bridge.store.sql.deliveries import Deliveries
from bridge.store.sql.feed import Feed
from bridge.store.sql.health import Health
from bridge.store.sql.idempotency import IdempotencyKeys
from bridge.store.sql.jobs import Jobs
from bridge.store.sql.log_lines import Logs
from bridge.store.sql.lookup import Lookup
from bridge.store.sql.messages import Messages
from bridge.store.sql.monitoring import Monitoring
from bridge.store.sql.nodes import Nodes
from bridge.store.sql.notices import Notices, end_orphans
from bridge.store.sql.refs import Looks
from bridge.store.sql.reports import Reports
from bridge.store.sql.repositories import Repositories
from bridge.store.sql.schedules import Schedules
from bridge.store.sql.sessions import Sessions
from bridge.store.sql.silences import Silences
from bridge.store.sql.tokens import Tokens
from bridge.store.sql.waits import Waits
from bridge.store.values import Redact, ServiceNoticesFor, unchanged


class SqlStore:
    """What one `Database` keeps, port by port: `bridge.store.base.Store`."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        service_notices: ServiceNoticesFor,
        redact: Redact = unchanged,
        log_limit: int = LOG_LIMIT,
    ) -> None:
        self.database = database
        self.clock = clock
        rejections = RejectionCounts()
        self.audit = audit = Audit(database, clock, redact)
        self.deliveries = Deliveries(database, clock, rejections, audit)
        self.builds = Builds(database, clock, redact, audit, log_limit)
        self.logs = Logs(database)
        self.reports = Reports(database)
        self.notices = Notices(database, clock, redact, audit)
        self.silences = Silences(database, clock, redact, audit)
        self.waits = Waits(database, clock)
        self.lookup = Lookup(database)
        self.activity = Activity(database, clock, rejections)
        self.health = Health(database, clock, service_notices, redact)
        self.jobs = Jobs(database)
        self.messages = Messages(database)
        self.schedules = Schedules(database)
        self.looks = Looks(database)
        self.repositories = Repositories(database, audit)
        self.tokens = Tokens(database, clock, audit)
        self.sessions = Sessions(database, clock, audit)
        self.feed = Feed(database)
        self.monitoring = Monitoring(database)
        self.nodes = Nodes(database, clock)
        self.idempotency_keys = IdempotencyKeys(database, clock, self.nodes.own_id)

    @property
    def death(self) -> StoreDied | None:
        return self.database.death

    @property
    def beating(self) -> bool:
        return self.database.beating

    async def recover(self, channels: Collection[str], parts: Collection[str]) -> int:
        now = self.clock()

        def work(connection: Connection) -> int:
            sending = update(notice).where(notice.c.state == NoticeState.SENDING)
            connection.execute(sending.values(state=NoticeState.PENDING))
            connection.execute(delete(service).where(service.c.name.not_in(parts)))
            part = literal("builder:") + seen_job.c.builder
            connection.execute(delete(seen_job).where(part.not_in(parts)))
            return end_orphans(connection, channels, now)

        return await self.database.write(work)

    async def prune(self, *, deliveries: timedelta, builds: timedelta) -> int:
        return await retention.prune(self.database, self.clock(), deliveries, builds)

    async def shift_clock(self, seconds: float) -> None:
        await self.database.write(partial(clockstep.shift, seconds=seconds))

    def close(self) -> None:
        self.database.close()
