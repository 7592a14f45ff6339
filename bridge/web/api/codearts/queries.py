"""What may stand in queries and bodies of CodeArts; keys of a body that have no meaning here are ignored."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from bridge.web.api.codearts.words import EVENTS, MESSAGE, NOTICE_TYPES, ROBOTS
from bridge.web.api.operation import Arguments
from bridge.web.api.queries import CommitId

MAX_PAGE: Final = 1000
MAX_SIZE: Final = 100
MAX_LOG: Final = 1_000_000
MAX_PROJECTS: Final = 100

PageFromZero = Annotated[int, Field(ge=0, le=MAX_PAGE)]
PageFromOne = Annotated[int, Field(ge=1, le=MAX_PAGE)]
PageSize = Annotated[int, Field(ge=1, le=MAX_SIZE)]
JobId = Annotated[str, Field(max_length=64)]
Name = Annotated[str, Field(max_length=256)]
# What is no day and no kind is refused in the words of CodeArts: only the OpenAPI document reads these.
_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
Day = Annotated[Name, Field(json_schema_extra={"format": "date"})]
Moment = Annotated[
    Name, Field(json_schema_extra={"pattern": f"^{_DAY}( [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})?$"})
]
NoticeType = Annotated[Name, Field(json_schema_extra={"enum": [*NOTICE_TYPES]})]
OptionalNoticeType = Annotated[
    Name, Field(json_schema_extra={"enum": [kind for kind in NOTICE_TYPES if kind != MESSAGE]})
]
EventType = Annotated[Name, Field(json_schema_extra={"enum": [*EVENTS]})]
RobotType = Annotated[Name, Field(json_schema_extra={"enum": [*ROBOTS]})]


class Body(BaseModel):
    """A body; numbers are taken for texts, too, since the manual writes some of them both ways."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True, defer_build=True
    )


class RunParameter(Body):
    """A parameter of one run."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_]{1,128}$")]
    """Its name, one of those that the rule declares, or codeBranch."""
    value: Annotated[str, Field(max_length=8192)]
    """Its value."""


class RunScm(Body):
    """What is to be built: a branch or a tag, at a commit."""

    build_tag: Name | None = None
    """The tag to build."""
    build_commit_id: CommitId | None = None
    """The commit to build, in full; the newest known if left out."""
    branch: Name | None = None
    """The branch to build, as codeBranch among the parameters says it, too."""


class RunBody(Body):
    """Which job to run."""

    job_id: JobId
    """The id of the job."""
    parameter: Annotated[list[RunParameter], Field(max_length=101)] | None = None
    """Parameters of this run."""
    scm: RunScm | None = None
    """What is to be built; without it the first active branch."""


class StopBody(Body):
    """Which build to stop."""

    job_id: JobId
    """The id of the job."""
    build_no: Annotated[str, Field(pattern=r"^[0-9]{1,10}$")]
    """The number of the build."""


class StopQuery(Arguments):
    """Which build to stop."""

    build_no: Annotated[int, Field(ge=1)] | None = None
    """The number of the build; the newest one if left out."""


class LogLevelQuery(Arguments):
    """Which lines of a log."""

    log_level: Literal["INFO", "DEBUG"] = "INFO"
    """Lines have no level here: all of them are answered."""
    compress: bool = False
    """Logs are sent as they are, whatever this says."""


class TaskLogQuery(LogLevelQuery):
    """Which step of a build."""

    task_name: Name
    """The name of the step."""


class RealTimeLogQuery(Arguments):
    """Which part of a log."""

    offset: Annotated[int, Field(ge=0, le=1 << 53)]
    """The byte to begin with: 0 first, then the `offset` of the answer before."""
    length: Annotated[int, Field(ge=1, le=MAX_LOG)] = MAX_LOG
    """At most so many bytes, though at least four, so that each answer goes on."""


class HistoryQuery(Arguments):
    """Which builds of the last days."""

    offset: PageFromZero = 0
    """The number of the page, from 0 on."""
    limit: PageSize = 10
    """How many builds a page has."""
    interval: Annotated[int, Field(ge=1, le=30)] = 7
    """How many days back."""


class DaysQuery(Arguments):
    """Between which days."""

    start_time: Day
    """The first day, yyyy-MM-dd."""
    end_time: Day
    """The last day, yyyy-MM-dd, at most 30 days after the first one."""


class PeriodQuery(DaysQuery):
    """Which builds between two days."""

    offset: PageFromZero = 0
    """The number of the page, from 0 on."""
    limit: PageSize = 10
    """How many builds a page has."""


class RecordsOfJobQuery(Arguments):
    """Which records of a job."""

    start_time: Moment
    """The first moment, yyyy-MM-dd HH:mm:ss."""
    end_time: Moment
    """The last moment, yyyy-MM-dd HH:mm:ss."""
    page_index: PageFromZero = 0
    """The number of the page, from 0 on."""
    page_size: PageSize = 10
    """How many records a page has."""


class SpanQuery(Arguments):
    """Between which moments."""

    from_date: Moment | None = None
    """The first moment, yyyy-MM-dd HH:mm:ss."""
    to_date: Moment | None = None
    """The last moment, yyyy-MM-dd HH:mm:ss."""


class RecordsQuery(SpanQuery):
    """Which records of a build project."""

    page: PageFromZero = 0
    """The number of the page, from 0 on."""
    limit: PageSize = 10
    """How many records a page has."""
    triggers: tuple[Name, ...] = ()
    """How they came about: MANUAL, WEBHOOK or TIMER."""
    branches: tuple[Name, ...] = ()
    """Builds of these branches, and of the tags."""
    tags: tuple[Name, ...] = ()
    """Builds of these tags, and of the branches."""


class BriefQuery(Arguments):
    """How many records of each build project."""

    limit: PageSize = 10
    """How many of the newest ones."""


class BriefBody(RootModel[Annotated[list[Name], Field(max_length=MAX_PROJECTS)]]):
    """The ids of build projects."""


class StagesQuery(Arguments):
    """How much to show of the stages."""

    cascade: bool = False
    """There is nothing below a stage here, so this changes nothing."""


class ProjectJobsQuery(Arguments):
    """Which jobs of a project."""

    page_index: PageFromZero = 0
    """The number of the page, from 0 on."""
    page_size: PageSize = 10
    """How many jobs a page has."""


class JobsQuery(Arguments):
    """Which jobs."""

    page_index: PageFromOne = 1
    """The number of the page, from 1 on."""
    page_size: PageSize = 10
    """How many jobs a page has."""
    search: Name | None = None
    """Jobs with this text in their names."""
    sort_field: Literal["job_name", "jobName"] = "job_name"
    """Jobs are sorted by name."""
    sort_order: Literal["ASC", "DESC", "asc", "desc"] = "ASC"
    """Which way they are sorted."""
    creator_id: Name | None = None
    """Jobs that this user made by API."""
    build_status: Literal["blue", "red", "aborted", "building", "timeout", "none"] | None = None
    """Jobs whose newest build has this colour."""


class JobsOfProjectQuery(JobsQuery):
    """Which jobs of a project."""

    by_group: bool = False
    """There are no groups of jobs here, so this changes nothing."""
    group_path_id: Name | None = None
    """There are no groups of jobs here, so this changes nothing."""


class ProjectQuery(Arguments):
    """Which project."""

    name: Name
    """Its name, which is that of a region."""


class ExistsQuery(Arguments):
    """Which job."""

    project_id: JobId
    """The id of the project."""
    job_name: Name
    """The name of the job."""


class SpecQuery(Arguments):
    """For which executors."""

    project_id: JobId
    """The id of the project."""
    arch: Name
    """The architecture."""


class ConfigQuery(Arguments):
    """How much of a configuration."""

    get_all_params: Literal["true", "false"] = "false"
    """There are no other parameters than those that are shown."""


class PipelineQuery(Arguments):
    """How much of a job."""

    all: Literal["true", "false"] = "false"
    """All there is is shown in any case."""
    check_param_used: Literal["true", "false"] = "false"
    """Each parameter is given to the builder."""


class DisableBody(Body):
    """Whether a job is disabled."""

    disabled: bool
    """Whether it is from now on."""
    reason: Annotated[str, Field(max_length=500)] | None = None
    """Why, in words."""


class NoticeBody(Body):
    """Which events go to one kind of channel."""

    notice_type: NoticeType
    """DING_TALK, FEISHU, WECOM, MAIL or MESSAGE."""
    enabled_event_type_names: Annotated[list[EventType], Field(max_length=20)]
    """The events that are sent from now on; others are not."""
    param_config: str | None = None
    """Where channels lead to is set in bridge.yaml: leave this out."""
    send_switch: str | None = None
    """`false` switches the channel off."""
    use_project_notice: str | None = None
    """Each job has its own notices here: `false`, or leave this out."""


class NoticeTypeQuery(Arguments):
    """Which kind of notice."""

    notice_type: OptionalNoticeType
    """DING_TALK, FEISHU, WECOM or MAIL."""


class WebhookBody(Body):
    """An address to check."""

    job_id: JobId
    """The id of a job."""
    notice_type: RobotType
    """DING_TALK, FEISHU or WECOM."""
    webhook_url: Annotated[str, Field(max_length=2048)]
    """The address of the robot."""


class IamDomain(Body):
    """An account."""

    name: Name | None = None
    """Its name, which does not matter here."""


class IamUser(Body):
    """Who signs in."""

    name: Name
    """The name of the token."""
    password: Annotated[str, Field(max_length=8192)]
    """The token itself."""
    domain: IamDomain | None = None
    """The account, which does not matter here."""


class IamPassword(Body):
    """Who signs in, by a password."""

    user: IamUser
    """Who."""


class IamIdentity(Body):
    """How someone signs in."""

    methods: Annotated[list[Literal["password"]], Field(min_length=1, max_length=1)]
    """Only by a password."""
    password: IamPassword
    """Who, and the password."""


class IamAuth(Body):
    """A request for a token."""

    identity: IamIdentity
    """Who."""


class SignInBody(Body):
    """A request for a token, as IAM takes it; the scope does not matter here."""

    auth: IamAuth
    """Who, and how."""
