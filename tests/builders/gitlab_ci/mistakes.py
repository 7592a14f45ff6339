"""The commonest mistakes with GitLab CI/CD, by what is said of each."""

from support.mistakes import Make, answers, common, fake, given, together


def _ended(words: str) -> Make:
    return answers(401, f'{{"error": "invalid_token", "error_description": "{words}"}}'.encode())


TOLD: dict[str, Make] = {
    **common("GitLab"),
    "GitLab rejects the token (401): check it": given(token="glpat-wrong"),
    "the token has expired in GitLab (401): make a new one": _ended("Token is expired."),
    "the token was revoked in GitLab (401): make a new one": _ended("Token was revoked."),
    "the scopes of the token do not allow this in GitLab (403): make one with the scope api": answers(
        403, b'{"error": "insufficient_scope"}'
    ),
    "the token may not start pipelines: it needs the scope api": fake(scopes=["read_api"]),
    "the token's user is Reporter there, and needs the role Developer": fake(level=20),
    "GitLab shows no project 'acme/tools/shpo' to this token (404): check `url`, `project` and the rights of "
    "the token": given(project="acme/tools/shpo"),
    "the project is archived, so GitLab starts no pipelines of it": fake(project_fields={"archived": True}),
    "CI/CD is off in the project: turn it on": fake(project_fields={"builds_access_level": "disabled"}),
    "no one may set variables of pipelines in the project": fake(minimum_role="no_one_allowed"),
    "the project has no branch or tag 'bilds': correct `ref`": together(
        fake(refs={"master"}), given(ref="bilds")
    ),
    "there is no .gitlab-ci.yml in master: add it where builds are to run": fake(file=None),
    "the pipeline declares no input build_id, image: declare it under `spec: inputs:`": given(
        inputs={"BRIDGE_BUILD_ID": "build_id", "IMAGE": "image"}
    ),
    "`inputs` has none for BRIDGE_BUILD_ID: add one": given(inputs={"IMAGE": "image"}),
}
ORDERED: dict[str, Make] = {
    "the branch or tag is protected in GitLab (400): let the token's user push, merge or create it": fake(
        refusal="You do not have sufficient permission to run a pipeline on 'master'."
    ),
    "this branch or tag has no .gitlab-ci.yml in GitLab (400): add one": fake(
        refusal="Missing CI config file"
    ),
    "`workflow: rules:` of .gitlab-ci.yml leave this pipeline out (400): let them take pipelines whose "
    "CI_PIPELINE_SOURCE is api or trigger": fake(refusal="Pipeline filtered out by workflow rules."),
}
