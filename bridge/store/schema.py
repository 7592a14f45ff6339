"""The tables. Times are Unix seconds, structured values JSON texts."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

REVISION: Final = "0042"
"""The newest migration; a store at any other revision is upgraded, or rejected when it is unknown."""

metadata = MetaData()

Serial: Final = BigInteger().with_variant(Integer, "sqlite")
"""A number that the database gives: SQLite gives them only to what is called INTEGER."""
Size: Final = Serial
"""How many bytes or lines a log has, which 31 bits may not hold: to PostgreSQL no Integer can be larger."""


def _turn() -> Column[Any]:
    """The order in which rows were written: see `bridge.store.sql.turns`."""
    return Column("turn", Integer, nullable=False, server_default=text("0"))


delivery = Table(
    "delivery",
    metadata,
    Column("id", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("forge", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("replay", Integer, nullable=False, server_default=text("0")),
    Column("event", Text, nullable=False),
    Column("headers", Text, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="compressed with Zstandard"),
    Column("received_at", Float, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Column("explanation", Text, nullable=False, server_default="[]"),
    _turn(),
    UniqueConstraint("source", "key", "replay"),
    Index("delivery_received_at", "received_at"),
    Index("delivery_turn", "state", "turn", sqlite_where=text("state = 'stored'")),
    # Pages of a listing.
    Index("delivery_state", "state", "id"),
    Index("delivery_source_state", "source", "state", "id"),
)
"""The deliveries; `turn` orders those that wait for a decision."""


def _run_columns() -> list[Column[Any]]:
    """What each run of a build has of its own."""
    return [
        Column("run", Integer, nullable=False, server_default=text("1")),
        Column("retried_by", Text),
        Column("state", Text, nullable=False),
        Column("raw", Text, nullable=False, server_default=""),
        Column("detail", Text, nullable=False, server_default=""),
        Column("handle", Text),
        Column("url", Text),
        Column("digest", Text),
        Column("enqueued_at", Float, comment="NULL for the time when the build was created"),
        Column("triggered_at", Float),
        Column("started_at", Float),
        Column("ended_at", Float),
        Column("attempts", Integer, nullable=False, server_default=text("0")),
        Column("log_offset", Size, nullable=False, server_default=text("0")),
        Column("log_bytes", Size, nullable=False, server_default=text("0")),
        Column("log_mark", Integer),
        Column("log_left_out", Size, nullable=False, server_default=text("0")),
        Column("log_lines", Size, nullable=False, server_default=text("0")),
        Column("failed_line", Size, comment="NULL until it was sought, 0 where the log has none"),
        Column("cancel_reason", Text),
        Column("superseded", Text),
        Column("released", Integer, nullable=False, server_default=text("0")),
        Column("caveat", Text, nullable=False, server_default=""),
        Column("stage", Text, nullable=False, server_default=""),
        Column("images_passed", Integer, nullable=False, server_default=text("1")),
    ]


_UNENDED: Final = text("state IN ('waiting', 'triggering', 'queued', 'running')")
RUN_COLUMNS: Final = tuple(column.name for column in _run_columns())

build = Table(
    "build",
    metadata,
    Column("id", Text, primary_key=True),
    Column("delivery_id", Text, nullable=False),
    Column("namespace", Text, nullable=False),
    Column("repo_name", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("tag_set", Text, nullable=False),
    Column("time_version", Text),
    Column("builder", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("is_public", Integer, nullable=False),
    Column("request", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("subscriptions", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("pushed", Text, nullable=False, server_default=""),
    Column("concurrency", Integer),
    Column("image", Text, nullable=False, server_default=""),
    _turn(),
    *_run_columns(),
    Column("serial", Integer, nullable=False, server_default=text("0")),
    Column("cause", Text, nullable=False, server_default=""),
    UniqueConstraint("delivery_id", "namespace", "repo_name", "tag_set"),
    UniqueConstraint("namespace", "repo_name", "number"),
    UniqueConstraint("namespace", "repo_name", "time_version"),
    Index("build_open", "builder", "state", "turn", "id", sqlite_where=text("released = 0")),
    Index("build_ref", "namespace", "repo_name", "ref", "number"),
    Index("build_created_at", "created_at"),
    Index("build_serial", "serial"),
    Index("build_pushed", "namespace", "repo_name", "tag_set", "pushed"),
    Index("build_turn", "turn"),
    # Which builds of an image run before a waiting one.
    Index("build_image", "image", "turn", sqlite_where=_UNENDED),
    # Pages of deliveries by where they made builds.
    Index("build_namespace_delivery", "namespace", "delivery_id"),
    Index("build_repository_delivery", "namespace", "repo_name", "delivery_id"),
    # Pages of a listing: what can be asked for, then the order. The last one also says what has not ended.
    Index("build_listed", "is_public", "id"),
    Index("build_in_state", "state", "is_public", "id"),
    Index("build_of_namespace", "namespace", "is_public", "id"),
    Index("build_of_namespace_in_state", "namespace", "state", "is_public", "id"),
    Index("build_of_repository", "repo_name", "namespace", "is_public", "id"),
    Index("build_of_repository_in_state", "repo_name", "namespace", "state", "is_public", "id"),
    # What a repository built in a time: how many, of which refs and causes, and the first number of a day.
    Index(
        "build_time", "namespace", "repo_name", "created_at", "number", "state", "is_public", "ref", "cause"
    ),
)
"""The builds, each with its newest run; `turn` orders the newest runs of all builds."""

outcome = Table(
    "outcome",
    metadata,
    Column("namespace", Text, primary_key=True),
    Column("repo_name", Text, primary_key=True),
    Column("hour", Integer, primary_key=True, comment="the hours since 1970 before the build was made"),
    Column("is_public", Integer, primary_key=True),
    Column("state", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How many builds of an hour have ended, and how: each changes with the rows of `build`."""

earlier_run = Table(
    "earlier_run",
    metadata,
    Column("build_id", Text, ForeignKey("build.id", ondelete="CASCADE"), primary_key=True),
    *(
        column if column.name != "run" else Column("run", Integer, primary_key=True)
        for column in _run_columns()
    ),
    Index("earlier_run_kept", "build_id", "run", sqlite_where=text("released = 0")),
)
"""The runs of builds that another run has followed."""

ref_move = Table(
    "ref_move",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("code", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("clone_url", Text),
    Column("seen", Integer, nullable=False, server_default=text("0")),
    _turn(),
    UniqueConstraint("code", "ref", "before", "after"),
    Index("ref_move_at", "at"),
)
"""How the refs of code repositories moved; an empty text stands for no object.

`turn` orders the moves of a ref as they were last reported.
"""

tip = Table(
    "tip",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("namespace", Text, nullable=False),
    Column("repo_name", Text, nullable=False),
    Column("tag_set", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("pushed", Text, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("namespace", "repo_name", "tag_set"),
    Index("tip_ref", "code", "ref"),
    Index("tip_at", "at"),
)
"""What the moving tags of each tag set were last built from."""

tag_name = Table(
    "tag_name",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("namespace", Text, nullable=False),
    Column("repo_name", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("original", Text, nullable=False),
    Column("at", Float, nullable=False),
    UniqueConstraint("namespace", "repo_name", "tag"),
    Index("tag_name_at", "at"),
)
"""What each tag that was made of a ref's name stands for, before letters were changed."""

schedule = Table(
    "schedule",
    metadata,
    Column("name", Text, primary_key=True),
    Column("due_at", Float, nullable=False),
)
"""When each schedule of the rules is due next; what is past and still here was missed."""

build_log = Table(
    "build_log",
    metadata,
    Column("build_id", Text, ForeignKey("build.id", ondelete="CASCADE"), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("text", Text, nullable=False),
    Column("run", Integer, nullable=False, server_default=text("1")),
    Column("place", Size, nullable=False, server_default=text("0")),
    Column("line", Size, nullable=False, server_default=text("0")),
    Index("build_log_place", "build_id", "run", "place"),
    Index("build_log_line", "build_id", "run", "line", "seq"),
)
"""The logs of runs in pieces; `place` is how many bytes the log has before one, `line` how many line breaks.

What was left out counts, and the piece at `log_mark` stands for it. Where the `log_lines` of a run are -1,
its pieces came before lines were counted, and have no `line` yet.
"""

notice = Table(
    "notice",
    metadata,
    Column("id", Text, primary_key=True),
    Column("dedupe", Text, nullable=False, unique=True),
    Column("build_id", Text),
    Column("channel", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("job", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("created_at", Float, nullable=False),
    Column("next_at", Float, nullable=False),
    Column("ended_at", Float),
    Column("recipient", Text),
    Column("namespace", Text),
    Column("repo_name", Text),
    Column("batch", Text),
    Column("digest_id", Text),
    Column("folds", Integer, nullable=False, server_default=text("1")),
    Column("moved_from", Text),
    _turn(),
    Index("notice_digest", "digest_id", sqlite_where=text("digest_id IS NOT NULL")),
    Index("notice_open", "channel", "id", sqlite_where=text("state IN ('pending', 'sending')")),
    Index("notice_turn", "turn"),
    Index("notice_created_at", "created_at"),
    # Pages of a listing.
    Index("notice_build", "build_id", "id"),
    Index("notice_state", "state", "id"),
    Index("notice_channel_state", "channel", "state", "id"),
    Index("notice_namespace_state", "namespace", "state", "id"),
    Index("notice_namespace_channel", "namespace", "channel", "state", "id"),
    Index("notice_repository_state", "namespace", "repo_name", "state", "id"),
    Index("notice_repository_channel", "namespace", "repo_name", "channel", "state", "id"),
)
"""The notices; `turn` orders them, and `id` those of one turn: one for each recipient."""

send = Table(
    "send",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("target", Text, nullable=False),
    Column("at", Float, nullable=False),
    Index("send_target_at", "target", "at"),
)
"""Every attempt of the last minutes: the rate limit must hold over a restart."""

target_pause = Table(
    "target_pause",
    metadata,
    Column("target", Text, primary_key=True),
    Column("until", Float, nullable=False),
)
"""The pauses that vendors asked for."""

message = Table(
    "message",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("notice_id", Text, nullable=False, unique=True),
    Column("at", Float, nullable=False),
    Column("event", Text, nullable=False),
    Column("facts", Text, nullable=False),
    Column("namespace", Text),
    Column("repo_name", Text),
    Index("message_at", "at"),
    # Pages of a listing.
    Index("message_event", "event", "id"),
    Index("message_namespace_event", "namespace", "event", "id"),
    Index("message_repository_event", "namespace", "repo_name", "event", "id"),
    sqlite_autoincrement=True,
)

service = Table(
    "service",
    metadata,
    Column("name", Text, primary_key=True),
    Column("down_since", Float),
    Column("paused_until", Float, nullable=False, server_default=text("0")),
    Column("why", Text, nullable=False, server_default=""),
    Column("failing", Text, nullable=False, server_default=""),
    Column("restored_at", Float),
    Column("error", Text, nullable=False, server_default=""),
    Column("error_at", Float),
)
"""The health of each builder (`builder:NAME`), channel (`channel:NAME`) and source (`source:NAME`)."""

seen_job = Table(
    "seen_job",
    metadata,
    Column("builder", Text, primary_key=True),
    Column("job", Text, primary_key=True),
    Column("parameters", Text, nullable=False),
    Column("seen_at", Float, nullable=False),
)
"""The jobs of build systems as they were last seen, with the names of the parameters that they declare."""

step = Table(
    "step",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("what", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
    Index("step_subject", "subject", "id"),
    # Who follows the feed has seen a number: no other step may have it, also after all steps were deleted.
    sqlite_autoincrement=True,
)
"""The timeline of each delivery, run of a build and notice; `subject` is its id."""
