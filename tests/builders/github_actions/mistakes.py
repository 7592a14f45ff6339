"""The commonest mistakes with GitHub Actions, by what is said of each."""

from support.fake_actions import workflow
from support.fake_github import APP_ID, INSTALLATION, pem
from support.mistakes import Make, answers, common, fake, given, together


def _file(text: str) -> Make:
    return fake(files={"": text})


def _app(**changes: object) -> Make:
    of_app = {"app_id": APP_ID, "installation_id": INSTALLATION}
    return lambda _site: {"token": None, "private_key": pem(), **of_app, **changes}


TOLD: dict[str, Make] = {
    **common("GitHub"),
    "GitHub rejects the token; check `token`, and that it has not expired (401)": given(token="expired"),
    "the token may not do this in GitHub (403): check its rights; it needs Actions: write and Contents: "
    "read": answers(403),
    "GitHub wants the token to be authorized for the single sign-on of the organization (403)": answers(
        403, X_GitHub_SSO="required; url=https://github.com/orgs/acme/sso"
    ),
    "GitHub makes no token for the app (401): check `app_id`, that `private_key` is the app's, and the "
    "clock": (_app(app_id=1)),
    "GitHub makes no token for the app (404): check `installation_id`: the app has no such installation": (
        together(_app(), answers(404, match="/app/installations"))
    ),
    "`private_key` is not the private key of an app: it has to be the whole PEM file": _app(private_key="x"),
    "GitHub shows no repository acme/shpo to this caller (404): check `repository`, and that the token, or "
    "the installation of the app, is for it": given(repository="acme/shpo"),
    "GitHub shows no workflow bild.yml in acme/shop to this token (404): check `repository`, `workflow` and "
    "the token's rights": given(workflow="bild.yml"),
    "it may not be started by this token; its user needs to write to the repository": fake(
        permissions={"pull": True, "push": False}
    ),
    "it is disabled in GitHub: enable it": fake(state="disabled_inactivity"),
    "it belongs to an archived repository, where nothing runs": fake(archived=True),
    "the workflow build.yml is not YAML: correct it": _file("a: ["),
    "it has no `on: workflow_dispatch`: add it": _file("on: push"),
    "declare the input BRIDGE_BUILD_ID, and write `run-name: ${{ inputs.BRIDGE_BUILD_ID }}` into it": _file(
        workflow(title=None)
    ),
    "it does not receive the images to build: declare the inputs IMAGE and TAGS": _file(
        workflow("BRIDGE_BUILD_ID", "COMMIT")
    ),
    "it does not receive the commit to build: declare the input COMMIT and check it out": _file(
        workflow("BRIDGE_BUILD_ID", "IMAGE", "TAGS")
    ),
}
ORDERED: dict[str, Make] = {
    "refs/heads/master has no workflow build.yml: add it there, or set `branch`": fake(
        files={"": workflow(), "master": None}
    ),
    "the branch or tag is not in the repository: push it there, or set `branch`": fake(gone={"master"}),
    "requires inputs that no one gives: set CHANNEL in `parameters` of the rule": _file(
        workflow(CHANNEL={"required": True})
    ),
}
