"""Names of the log events: every line of log that is ours carries one, and only one, of these.

They are an interface: people search and alert by them. A name says the thing, then what happened to it. The
fields beside it have one spelling as well: `error` is the text of an exception or of a failed call, `reason`
is why a decision was made, and an id is called `delivery_id`, `build_id` or `notice_id`.
"""

from enum import StrEnum


class LogEvent(StrEnum):
    # The process.
    DAEMON_READY = "daemon.ready"
    DAEMON_STOPPING = "daemon.stopping"
    CLOCK_STEPPED = "clock.stepped"
    CLOCK_WRONG = "clock.wrong"
    """That of this machine is so many `seconds` ahead of the database's, by which all nodes go."""
    CLOCK_WAITS_LIMITED = "clock.waits_limited"
    """So many `rows` were to wait for longer than anything does, as by a wrong clock: they are due now."""
    NODE_DUTIES_CHANGED = "node.duties_changed"
    """Of several nodes on one database this one has taken duties, or given some up."""
    NODE_KEYS_DIFFER = "node.keys_differ"
    """Other `nodes` on the database have other keys of the tokens: what one has made the other refuses."""

    # Requests.
    SERVER_FILES_LIMITED = "server.files_limited"
    SERVER_REQUEST_REJECTED = "server.request_rejected"
    SERVER_LOCAL_FAILED = "server.local_failed"
    """No command of this machine can reach the daemon: the disk of the store knows no socket files."""
    API_TOKEN_REJECTED = "api.token_rejected"  # noqa: S105  # the name of an event

    # A delivery: from the request to the decision.
    DELIVERY_STORED = "delivery.stored"
    DELIVERY_REPEATED = "delivery.repeated"
    DELIVERY_REJECTED = "delivery.rejected"
    DELIVERY_DECIDED = "delivery.decided"
    DELIVERY_DECISION_FAILED = "delivery.decision_failed"

    # A build, and the builder that has it.
    BUILD_STATE_CHANGED = "build.state_changed"
    BUILD_ABANDONED = "build.abandoned"
    BUILDER_CALL_FAILED = "builder.call_failed"
    """The builder did not answer; `call` names what it was asked for."""
    BUILDER_WORD_UNKNOWN = "builder.word_unknown"
    """The builder reported a state that its adapter does not know."""
    BUILDER_HINT_REJECTED = "builder.hint_rejected"
    BUILDER_ERROR = "builder.error"
    """The adapter itself failed: a fault of the bridge, with a traceback."""

    # A notice, and the channel that takes it.
    NOTICE_ATTEMPTED = "notice.attempted"
    NOTICE_ABANDONED = "notice.abandoned"
    NOTICE_MOVED = "notice.moved"
    NOTICE_TEMPLATE_FAILED = "notice.template_failed"
    """A template of a channel failed with this notice, which goes out in the usual words."""
    CHANNEL_ERROR = "channel.error"
    """The adapter itself failed: a fault of the bridge, with a traceback."""

    # Health of builders, channels and rules.
    SERVICE_DEGRADED = "service.degraded"
    SERVICE_RESTORED = "service.restored"
    ADAPTER_CLOSE_FAILED = "adapter.close_failed"
    STAFF_CHANGED = "staff.changed"
    """A changed configuration ended or began the work for builders and channels."""

    # Rules and their schedules.
    RULES_RELOADED = "rules.reloaded"
    RULES_CHANGED = "rules.changed"
    """By API."""
    RULES_REJECTED = "rules.rejected"
    CRON_DUE = "cron.due"

    # Looks at the Git hosts.
    PUSH_MISSED = "push.missed"
    """No webhook reported a push; with a `delivery_id` it is built."""
    REDELIVERY_ASKED = "redelivery.asked"
    """The host is to send a delivery again that had failed."""
    REDELIVERY_REFUSED = "redelivery.refused"
    REDELIVERY_FAILED = "redelivery.failed"
    """The host cannot be asked which deliveries have failed, or to send them again."""
    LOOK_FAILED = "look.failed"
    LOOK_RESTORED = "look.restored"

    # Traces.
    TRACES_FAILED = "traces.failed"
    """The collector takes none: once for each outage. What it misses meanwhile is lost."""
    TRACES_RESTORED = "traces.restored"

    # The store.
    STORE_UPGRADING = "store.upgrading"
    """Its tables are of an older release and are changed now, before the daemon is ready."""
    STORE_BUSY = "store.busy"
    """At the start another session has been writing to the database for long: the daemon waits for it."""
    STORE_AWAY = "store.away"
    """At the start no server of the database takes connections: the daemon waits for one."""
    STORE_WRITE_FAILED = "store.write_failed"
    STORE_RESTORED = "store.restored"
    STORE_WRITER_DIED = "store.writer_died"
    STORE_REPLACED = "store.replaced"
    """The store's file was moved, deleted, replaced or emptied: the daemon ends."""
    STORE_CHECKPOINT_FAILED = "store.checkpoint_failed"
    STORE_PRUNED = "store.pruned"
    STORE_ROW_DAMAGED = "store.row_damaged"
    """A row cannot be read any more; the work that it asked for ends, and the others go on."""
