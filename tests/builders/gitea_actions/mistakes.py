"""The commonest mistakes with Actions of Gitea and Forgejo, by what is said of each."""

from support.fake_actions import workflow
from support.fake_gitea import TITLE
from support.mistakes import Make, answers, common, fake, given


def _file(text: str) -> Make:
    return fake(files={"": text})


TOLD: dict[str, Make] = {
    **common("Gitea or Forgejo"),
    "there is neither Gitea nor Forgejo at `url` (404): check `url`, without /api/v1": (
        lambda site: {"url": f"{site.server.url}api/v1"}
    ),
    "Gitea or Forgejo rejects the token (401): check it": given(token="deleted"),
    "the token may not do this in Gitea (403): check its rights": answers(403, match="/repos/"),
    "Gitea shows no repository acme/shpo to this token (404): check `repository` and the token's "
    "rights": given(repository="acme/shpo"),
    "Gitea shows no workflow bild.yml in acme/shop to this token (404): check `repository`, `workflow` and "
    "the token's rights": given(workflow="bild.yml"),
    "it may not be started by this token; its user needs to write to the repository": fake(push=False),
    "it belongs to a repository whose Actions are switched off: switch them on": fake(
        repository={"has_actions": False}
    ),
    "it belongs to an archived repository, where nothing runs": fake(repository={"archived": True}),
    "the workflow build.yml is not YAML: correct it": _file("a: ["),
    "it has no `on: workflow_dispatch`: add it": _file("on: push"),
    "write `run-name: ${{ github.event.inputs.BRIDGE_BUILD_ID }}` into it": _file(workflow(title=None)),
    "it does not receive the images to build: declare the inputs IMAGE and TAGS": _file(
        workflow("BRIDGE_BUILD_ID", "COMMIT", title=TITLE)
    ),
    "it does not receive the commit to build: declare the input COMMIT and check it out": _file(
        workflow("BRIDGE_BUILD_ID", "IMAGE", "TAGS", title=TITLE)
    ),
    "it is run by a Gitea before 1.25, without titles: an unanswered trigger cannot be checked": fake(
        version="1.24.6"
    ),
}
ORDERED: dict[str, Make] = {
    "the workflow is disabled in Gitea (403): enable it": fake(disabled=True),
    "refs/heads/master has no workflow build.yml: add it there, or set `branch`": fake(
        files={"": workflow(title=TITLE), "master": None}
    ),
}
