"""How clients of Huawei sign in: a token by a password, and the project of a region."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response
from typing_extensions import TypedDict

from bridge.web.api.codearts.base import CodeArtsBase
from bridge.web.api.codearts.ids import digest, user_id_of
from bridge.web.api.codearts.queries import ProjectQuery, SignInBody
from bridge.web.api.operation import Call, Operation

VALID_SECONDS: Final = 24 * 3600
_DOMAIN: Final = "buildbridge"


class Domain(TypedDict):
    """An account."""

    id: str
    name: str


class User(TypedDict):
    """Who has signed in."""

    id: str
    name: str
    domain: Domain


class RoleName(TypedDict):
    """A role that the user has."""

    id: str
    name: str


class Token(TypedDict):
    """A token, without the token itself, which is in the header X-Subject-Token."""

    methods: list[str]
    issued_at: str
    expires_at: str
    user: User
    roles: list[RoleName]


class SignedIn(TypedDict):
    """The answer to who has signed in."""

    token: Token


class Project(TypedDict):
    """A project of IAM."""

    id: str
    name: str


class Projects(TypedDict):
    """The projects of a name."""

    projects: list[Project]


async def create_token(api: CodeArtsBase, call: Call, body: SignInBody) -> Response:
    """Sign in with the name of a token and, as the password, the token itself: that one is answered again.

    So nothing is made that would outlive the token or may do more. The secret key of an access key is no
    password: it never has to leave its owner, who signs requests with it. `expires_at` is in a day, or
    earlier where the token ends then.
    """
    user = body.auth.identity.password.user
    principal = await api.callers.sign_in(call.request, user.name, user.password)
    now = api.core.clock()
    issued = None if principal.token_id is None else await api.core.store.tokens.get(principal.token_id)
    ends = issued.expires_at if issued is not None else None
    content: SignedIn = {
        "token": {
            "methods": ["password"],
            "issued_at": _iam_time(now),
            "expires_at": _iam_time(min(now + VALID_SECONDS, ends or now + VALID_SECONDS)),
            "user": {
                "id": user_id_of(principal.name),
                "name": principal.name,
                "domain": {"id": digest("domain", _DOMAIN), "name": _DOMAIN},
            },
            "roles": [{"id": "0", "name": principal.role}],
        }
    }
    answer = api.success(content, 201)
    answer.headers["x-subject-token"] = user.password
    return answer


def _iam_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


async def list_iam_projects(api: CodeArtsBase, call: Call, query: ProjectQuery) -> Projects:  # noqa: ARG001
    """Show the project of a region: there is one of each name, and it makes no difference here."""
    return {"projects": [{"id": digest("region", query.name), "name": query.name}]}


SIGN_IN: Final[Sequence[Operation]] = (
    Operation(
        "POST", "/v3/auth/tokens", create_token, status=201, public=True, streamed=SignedIn, keyed=False
    ),
    Operation("GET", "/v3/projects", list_iam_projects),
)
