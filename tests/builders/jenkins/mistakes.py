"""The commonest mistakes with Jenkins, by what is said of each."""

from support.jenkins_builds import declare
from support.mistakes import Make, answers, common, given

TOLD: dict[str, Make] = {
    **common("Jenkins"),
    "there is no Jenkins at `url` (404): check `url`": (lambda site: {"url": f"{site.server.url}job/docker"}),
    "`url` is not exact, it has to be the address of the start page of Jenkins": (
        lambda site: {"url": f"{site.server.url}api/json"}
    ),
    "what answers at `url` is not Jenkins": answers(200, b"{}"),
    "Jenkins rejects the user name or the API token (401): check `username` and `token`": given(
        token="revoked"
    ),
    "`token` must be an API token, not a password": given(token="password-of-ci"),
    "if it is an API token, write it as `token`": (lambda site: {"password": site.server.token}),
    "Jenkins shows no job 'docker/bild-image' to this user (404): check `job` and permissions": given(
        job="docker/bild-image"
    ),
    "'docker' is not a job but a Folder: set `job` to a job in it": given(job="docker"),
    "'team/shop' is not a job but a WorkflowMultiBranchProject: set `job` to team/shop/{branch}": (
        lambda site: {"job": site.server.project("team/shop", declares=()).name}
    ),
    "Jenkins shows no multibranch project 'team/shpo' to this user (404): check `job`": given(
        job="team/shpo/{branch}"
    ),
    "'docker' is not a multibranch project but a Folder": given(job="docker/{branch}"),
    "it is disabled, so Jenkins will reject builds: enable it": (
        lambda site: declare(site.server, disabled=True)
    ),
    "it does not declare BRIDGE_BUILD_ID: add a string parameter of that name": (
        lambda site: declare(site.server, "IMAGE", "TAGS", "COMMIT")
    ),
    "it does not receive the images to build (IMAGE, TAGS): add string parameters of these names": (
        lambda site: declare(site.server, "BRIDGE_BUILD_ID", "COMMIT")
    ),
    "there are no credentials 'gti-bot', neither in the folders of the job nor in Jenkins: add them": (
        lambda site: (
            site.server.credentials.update({"docker": ["git-bot"], "": []}) or {"git_credentials": "gti-bot"}
        )
    ),
    "'git-bot' of `git_credentials` cannot be seen by this user, so they were not checked": given(
        git_credentials="git-bot"
    ),
    "Jenkins is starting or not available (503)": answers(503),
}
ORDERED: dict[str, Make] = {
    "the user may not do this in Jenkins (403): check its permissions": answers(403, match="buildWith"),
    "the job 'docker/build-image' is disabled (409)": answers(409, match="buildWith"),
}
