"""The commonest mistakes with CodeArts Build, by what is said of each."""

from support.codearts_builds import by_password
from support.fake_codearts import PROJECT
from support.mistakes import CLOSED, Make, answers, common, fake, given, together


def _code(status: int, code: str) -> Make:
    return answers(status, f'{{"error_code": "{code}"}}'.encode())


TOLD: dict[str, Make] = {
    **common("CodeArts"),
    "CodeArts Build has no such call at `url` (404, APIGW.0101): check `url` and its region": _code(
        404, "APIGW.0101"
    ),
    "CodeArts rejects the signature: check `access_key`, `secret_key` and the clock of this machine": given(
        secret_key="disabled"
    ),
    "IAM makes no token (401): check `username`, `password`, `domain` and `region`": (
        lambda site: by_password(site.server, password="changed")
    ),
    "CodeArts rejects a token that has just been made: check that `region` is that of `url`": together(
        lambda site: by_password(site.server), answers(401, match="/v3/jobs")
    ),
    "IAM refuses connections: check that it runs, and `iam_url`": (
        lambda site: {**by_password(site.server), "iam_url": CLOSED}
    ),
    "the token may not do this in CodeArts (403): check its rights": answers(403),
    "CodeArts answered 400, CB.00060201: there is no such job: check `job_id`": _code(400, "CB.00060201"),
    "CodeArts shows no job '…' to this caller: check `job_id`, the rights of the caller, and `url`": answers(
        404, b"{}"
    ),
    "CodeArts shows no job 'bild-image' in this project to this caller: check `job` and `project_id`": given(
        job_id=None, job="bild-image", project_id=PROJECT
    ),
    "it is disabled, so CodeArts will reject builds: enable it": fake(disabled=True),
    "it does not declare BRIDGE_BUILD_ID: add a text parameter of that name": fake(
        declared=("codeBranch", "IMAGE", "TAGS")
    ),
    "it does not receive the images to build (IMAGE, TAGS): add text parameters of these names": fake(
        declared=("codeBranch", "BRIDGE_BUILD_ID")
    ),
}
