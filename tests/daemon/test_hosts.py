"""Every Git host calls a daemon over HTTP as it does in earnest, and each delivery tells its story."""

import base64
import hmac
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.commands import command
from support.daemon import NO_TLS, Daemon, running
from support.deliveries import CORPUS_SECRETS, HOSTS, OWN, SECRETS, Sample, misshown, samples
from support.fake_jenkins import fake_jenkins
from support.jenkins_builds import DECLARED, JOB
from support.needs import needs_corpus
from support.waiting import eventually

from bridge.errors import BadSignature
from bridge.forges.request import Request
from bridge.forges.signature import signing_key

Deliveries = Mapping[str, Sequence[Sample]]
"""By their headers: what is expected of each ref that a delivery tells of."""
_AT_ONCE = 16
_NOT_ALONE = (
    "the same push came as delivery",
    "older than what was already pushed",
    "is older and was built",
)
"""Some deliveries tell of one push in several encodings, or of pushes that follow each other."""
_TAG_CONFIGS = [
    {"code_repo_type": kind, "code_repo_type_value": "**", "docker_repo_tag": f"{{{kind}}}"}
    for kind in ("branch", "tag")
]


@pytest.mark.parametrize("whose", ["ours", "recorded"])
def test_each_delivery_of_every_host_is_heard_and_reports_its_story(whose: str, tmp_path: Path) -> None:
    folder, secrets = (OWN, SECRETS) if whose == "ours" else (needs_corpus(), CORPUS_SECRETS)
    deliveries: dict[str, list[Sample]] = {}
    for sample in samples(folder):
        deliveries.setdefault(str(sample), []).append(sample)
    ruled = some_code(deliveries)
    with fake_jenkins(token="the-token-of-jenkins") as jenkins:
        jenkins.job(JOB, *DECLARED)
        ci = {"kind": "jenkins", "url": jenkins.url, "username": "ci", "token": jenkins.token, "job": JOB}
        words = [secret.decode() for secret in secrets]
        sources = {host: {"kind": forge.kind, "secrets": list(words)} for host, forge in HOSTS.items()}
        config = {"sources": sources, "builders": {"ci": ci}}
        with running(
            tmp_path, config, {"all.yaml": "\n---\n".join(map(json.dumps, rules_for(ruled)))}
        ) as daemon:
            answers = sent(daemon, deliveries, secrets)
            eventually(lambda: not shown(daemon, "list", "--state", "stored"))
            ids = {name: answer.json()["id"] for name, answer in answers.items() if answer.is_success}
            shown_by = {name: shown(daemon, "show", ids[name])[0] for name in ids}
    expected = {name: found[0].expected["signature"] == "valid" for name, found in deliveries.items()}
    assert {name: answer.status_code in {200, 202} for name, answer in answers.items()} == expected
    assert {answer.status_code for name, answer in answers.items() if not expected[name]} <= {401}
    wrong = {name: found for name in shown_by if (found := untrue(shown_by[name], deliveries[name], ruled))}
    assert wrong == {}
    built = {story["source"] for story in shown_by.values() if story["state"] == "dispatched"}
    hosts = {found[0].forge.host for found in deliveries.values()}
    assert built == hosts
    assert hosts == set(HOSTS) or whose == "recorded"


def test_azure_devops_is_known_by_user_name_and_password_which_no_one_is_reported(tmp_path: Path) -> None:
    (sample,) = (one for one in samples(OWN) if str(one) == "azure-devops/push-branch.headers")
    source = {"kind": "AzureDevOps", "username": "bridge", "secrets": [SECRETS[0].decode()]}
    config = {"sources": {"azure": source}, "builders": {"here": {"kind": "local", "command": ["true"]}}}
    elsewhere = json.dumps(json.loads(sample.body) | {"subscriptionId": "another", "notificationId": 7})
    stranger = "Basic " + base64.b64encode(b"stranger:" + SECRETS[0]).decode()
    with running(tmp_path, config, {}) as daemon, httpx.Client(base_url=daemon.url, verify=NO_TLS) as client:

        def send(body: bytes, **headers: str) -> httpx.Response:
            return client.post("/hooks/azure", content=body, headers=sample.headers | headers)

        assert send(sample.body, authorization=stranger).status_code == 401
        first, second = send(sample.body), send(elsewhere.encode())
        assert (first.status_code, second.status_code) == (202, 200), (
            "one event, shown_by by two subscriptions"
        )
        assert first.json() == second.json()
        shown_by = json.dumps(shown(daemon, "show", first.json()["id"])) + daemon.output()
    right = sample.headers["authorization"]
    assert not [proof for proof in (right, stranger) if proof.removeprefix("Basic ") in shown_by]


def some_code(deliveries: Deliveries) -> set[tuple[str, str]]:
    """Every other repository of each host, by host and name; the others have no rule."""
    known = {code(sample) for (sample, *_) in deliveries.values() if sample.expected["repo"]}
    hosts = groupby(sorted(known), lambda one: one[0])
    return {one for _, found in hosts for one in list(found)[::2]}


def code(sample: Sample) -> tuple[str, str]:
    """What a rule finds the sample's repository by: the host, and its name there or clone address."""
    key = "clone_url_http" if sample.forge.traits.by_clone_url else "repo"
    return sample.forge.host, str(sample.expected[key]).lower()


def rules_for(ruled: set[tuple[str, str]]) -> Iterator[dict[str, Any]]:
    """A rule for each repository that builds every branch and every tag."""
    for number, (host, name) in enumerate(sorted(ruled)):
        namespace, _, short = name.rpartition("/")
        named = {"code_repo_name": short} | ({"code_repo_namespace": namespace} if namespace else {})
        place = {"code_repo_clone_url": name} if HOSTS[host].traits.by_clone_url else named
        config = {"code_repo_client": HOSTS[host].kind, "builder": "ci", "tag_configs": _TAG_CONFIGS}
        yield {"namespace": host, "repo_name": f"code-{number}", "build_config": config | place}


def sent(daemon: Daemon, deliveries: Deliveries, secrets: Sequence[bytes]) -> dict[str, httpx.Response]:
    """The answers to all deliveries, many sent at once."""
    with (
        httpx.Client(base_url=daemon.url, timeout=30, verify=NO_TLS) as client,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):

        def send(name: str) -> httpx.Response:
            sample = deliveries[name][0]
            headers = sent_now(sample, secrets) if sample.expected["signature"] == "valid" else sample.headers
            return client.post(f"/hooks/{sample.forge.host}", content=sample.body, headers=headers)

        return dict(zip(deliveries, pool.map(send, deliveries), strict=True))


def sent_now(sample: Sample, secrets: Sequence[bytes]) -> dict[str, str]:
    """The headers as they are; where their time-stamp is too old by now, with a proof of now."""
    try:
        sample.forge.verify(Request(sample.headers, sample.body), secrets, time.time())
    except BadSignature:
        (secret,) = (secret for secret in secrets if holds(sample, secret))
        return sample.headers | proof_of_now(sample, secret)
    return sample.headers


def holds(sample: Sample, secret: bytes) -> bool:
    try:
        sample.forge.verify(Request(sample.headers, sample.body), [secret], sample.received_at)
    except BadSignature:
        return False
    return True


def proof_of_now(sample: Sample, secret: bytes) -> dict[str, str]:
    """What Gitee signs, or what the Standard Webhooks specification says."""
    if sample.forge.host == "gitee":
        moment = str(int(time.time() * 1000))
        digest = hmac.digest(secret, moment.encode() + b"\n" + secret, "sha256")
        return {"x-gitee-timestamp": moment, "x-gitee-token": base64.b64encode(digest).decode()}
    moment = str(int(time.time()))
    signed = f"{sample.headers['webhook-id']}.{moment}.".encode() + sample.body
    digest = hmac.digest(signing_key(secret) or secret, signed, "sha256")
    proof = f"v1,{base64.b64encode(digest).decode()}"
    return {"webhook-timestamp": moment, "webhook-signature": proof}


def shown(daemon: Daemon, *arguments: str) -> list[dict[str, Any]]:
    done = command("--config", daemon.config, "deliveries", *arguments, "--json")
    assert (done.status, done.stderr) == (0, "")
    return done.documents


def untrue(story: dict[str, Any], refs: Sequence[Sample], ruled: set[tuple[str, str]]) -> list[object]:
    """What a delivery's story gets wrong: where it is from, what each ref is, and what came of it."""
    shown_by = story["explanation"]
    if len(shown_by) != len(refs):
        return [("of", len(refs), len(shown_by))]
    found: list[object] = [
        wrong for one, ref in zip(shown_by, refs, strict=True) if (wrong := misshown(one, ref.expected))
    ]
    pushes = [
        one["event"] in {"push", "tag"} and code(ref) in ruled
        for one, ref in zip(shown_by, refs, strict=True)
    ]
    # Sent at once they come in any order: what is older than what came before it builds nothing.
    late = any(pushes) and any(reason in story["detail"] for reason in _NOT_ALONE)
    state = "dispatched" if (story["builds"] if late else any(pushes)) else "ignored"
    wanted = {"source": refs[0].forge.host, "forge": refs[0].forge.kind, "state": state}
    odd = {name: story[name] for name in wanted if story[name] != wanted[name]}
    if [bool(one["matches"]) for one in shown_by] != pushes or (
        len(story["builds"]) != sum(pushes) and not late
    ):
        odd["builds"] = story["builds"]
    if [not one["reason"] for one in shown_by] != pushes or not story["detail"]:
        odd["detail"] = story["detail"]
    if state not in [step["what"] for step in story["timeline"]]:
        odd["timeline"] = story["timeline"]
    return [*found, odd] if odd else found
