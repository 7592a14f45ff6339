"""`explain`: stored deliveries are what their senders say they are, and nothing comes of reading them."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.commands import Done, command
from support.daemon import SECRET
from support.deliveries import CORPUS_SECRETS, HOSTS, OWN, SECRETS, Sample, misshown, samples
from support.needs import needs_corpus
from support.sending import push_body, signed

_OURS = samples(OWN)
RULES = """
namespace: acme
repo_name: shop
build_config:
  code_repo_client: Simple
  code_repo_clone_url: https://git.example.com/shop.git
  tag_configs:
    - {code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest, version_tagging: 2}
    - {code_repo_type: tag, code_repo_type_value: "v*", docker_repo_tag: "{tag}"}
---
namespace: acme
repo_name: other
build_config:
  code_repo_client: Simple
  code_repo_clone_url: https://git.example.com/other.git
  tag_configs: [{code_repo_type: branch, code_repo_type_value: main, docker_repo_tag: latest}]
"""


def configured(folder: Path, secrets: list[str], rules: str = RULES) -> Path:
    """A configuration with a source of each kind, all with these secrets."""
    file = folder / "bridge.yaml"
    sources = {forge.host: {"kind": forge.kind, "secrets": list(secrets)} for forge in HOSTS.values()}
    builders = {"here": {"kind": "local", "command": ["true"]}}
    file.write_text(
        yaml.safe_dump(
            {
                "sources": sources,
                "builders": builders,
                "rules": ["rules.yaml"],
                "store": {"url": "sqlite:///./data/bridge.db"},
            }
        )
    )
    (folder / "rules.yaml").write_text(rules)
    return file


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return configured(tmp_path, [secret.decode() for secret in SECRETS])


def explained(config: Path, *arguments: str | Path, status: int = 0) -> list[dict[str, Any]]:
    done = command("--config", config, "explain", "--json", *arguments)
    assert (done.status, done.stderr) == (status, "")
    return done.documents


def misread(document: dict[str, Any], sample: Sample) -> dict[str, Any]:
    """The facts that differ, as (expected, explained); the signature where no clock counts."""
    wrong: dict[str, Any] = misshown(document, sample.expected)
    decision = "valid" if document["signature"] == "valid" else "invalid"
    assert document["signature"] in {"valid", "invalid", "absent"}
    if decision != sample.expected["signature"] and "received_at" not in sample.expected:
        wrong["signature"] = (sample.expected["signature"], document["signature"])
    if document["host"] != sample.forge.host:
        wrong["host"] = (sample.forge.host, document["host"])
    return wrong


def check(config: Path, sample: Sample) -> None:
    """One delivery, given with its headers and its time, is explained as expected."""
    moment = ["--at", sample.expected["received_at"]] if sample.expected.get("received_at") else []
    body, headers = (sample.folder / sample.expected[name] for name in ("file", "headers_file"))
    documents = explained(config, *moment, body, headers)
    assert len(documents) == sample.count
    document = documents[sample.index]
    assert misread(document, sample) == {}
    assert (document["signature"] == "valid") == (sample.expected["signature"] == "valid")


def beside(every: list[Sample]) -> dict[tuple[str, int], Sample]:
    """Those whose headers a folder gives them by their name, by the path of the body and the ref's index."""
    return {
        (str(sample.folder / sample.expected["file"]), sample.index): sample
        for sample in every
        if Path(sample.expected["file"]).with_suffix(".headers") == Path(sample.expected["headers_file"])
    }


def by_ref(documents: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    """What was explained of each ref, by the path of the body and the ref's index."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    seen: Counter[str] = Counter()
    for document in documents:
        found[document["file"], seen[document["file"]]] = document
        seen[document["file"]] += 1
    return found


@pytest.mark.parametrize("sample", _OURS, ids=str)
def test_a_delivery_is_explained_as_expected(sample: Sample, config: Path) -> None:
    check(config, sample)


def test_a_folder_is_explained_file_by_file(config: Path) -> None:
    documents, expected = by_ref(explained(config, OWN)), beside(_OURS)
    assert list(documents) == sorted(expected)
    assert {ref: wrong for ref in expected if (wrong := misread(documents[ref], expected[ref]))} == {}


def test_the_corpus_is_explained_as_expected(tmp_path: Path) -> None:
    folder = needs_corpus()
    recorded = samples(folder)
    config = configured(tmp_path, [secret.decode() for secret in CORPUS_SECRETS])
    for sample in recorded:
        check(config, sample)
    documents, expected = by_ref(explained(config, folder)), beside(recorded)
    assert documents.keys() == expected.keys()
    assert {ref: wrong for ref in expected if (wrong := misread(documents[ref], expected[ref]))} == {}


@pytest.fixture
def pasted(tmp_path: Path) -> Path:
    """A push to a plain Git server, signed now, with the headers beside it."""
    return paste(tmp_path / "push.json", push_body("https://git.example.com/shop.git"))


def paste(file: Path, body: bytes) -> Path:
    file.write_bytes(body)
    headers = (f"{name}: {value}" for name, value in signed(body).items())
    file.with_suffix(".headers").write_text("\n".join(headers))
    return file


def run_explain(folder: Path, *arguments: str | Path) -> Done:
    done = command("--config", configured(folder, [SECRET]), "explain", *arguments)
    assert (done.status, done.stderr) == (0, "")
    return done


def test_people_read_what_builds_and_why_the_rest_does_not(tmp_path: Path, pasted: Path) -> None:
    lines = run_explain(tmp_path, pasted).stdout.splitlines()
    assert lines[0] == f"{pasted}: simple acme/shop: push of branch main"
    assert lines[1:] == [
        "  signature valid, source simple",
        f"  acme/shop  ({tmp_path}/rules.yaml:3:1)",
        "    tag_configs[0]  builds latest, a tag of the commit on here",
        "    tag_configs[1]  not: wants a tag, main is a branch",
        f"  acme/other  ({tmp_path}/rules.yaml:12:1)",
        "    not: builds from Simple https://git.example.com/other.git",
    ]


def test_programs_read_the_same_in_one_object_for_each_ref(tmp_path: Path, pasted: Path) -> None:
    (document,) = run_explain(tmp_path, "--json", pasted).documents
    (match,) = document["matches"]
    assert (match["namespace"], match["repo_name"], match["builder"]) == ("acme", "shop", "here")
    assert match["tags"][0] == "latest"
    assert [(one["repo_name"], one["tag_config"]) for one in document["rejections"]] == [
        ("shop", 1),
        ("other", None),
    ]
    assert all(one["why"] for one in document["rejections"])


@pytest.mark.parametrize(
    ("secret", "at", "decision"),
    [
        (SECRET, [], "valid"),
        (SECRET, ["--at", "2020-01-01T00:00:00Z"], "invalid"),
        (SECRET, ["--at", "2020-01-01"], "invalid"),
        ("quite-another-secret", [], "invalid"),
    ],
)
def test_a_signature_is_checked_by_secret_and_time(
    secret: str, at: list[str], decision: str, tmp_path: Path, pasted: Path
) -> None:
    assert explained(configured(tmp_path, [secret]), *at, pasted)[0]["signature"] == decision


def test_without_a_signature_it_is_absent_and_without_a_source_unchecked(
    tmp_path: Path, pasted: Path
) -> None:
    headers = pasted.with_suffix(".headers")
    kept = [line for line in headers.read_text().splitlines() if "signature" not in line]
    headers.write_text("\n".join(kept))
    config = configured(tmp_path, [SECRET])
    assert explained(config, "--source", "simple", pasted)[0]["signature"] == "absent"
    config.write_text(config.read_text().replace("simple:", "plain:"))
    assert explained(config, "--source", "plain", pasted)[0]["signature"] == "absent"
    without = yaml.safe_load(config.read_text())
    del without["sources"]["plain"]
    config.write_text(yaml.safe_dump(without))
    headers.write_text("\n".join(f"{name}: {value}" for name, value in signed(pasted.read_bytes()).items()))
    (config.parent / "rules.yaml").write_text("")
    assert explained(config, pasted)[0]["signature"] == "unchecked"


@pytest.mark.parametrize(
    ("arguments", "complaint", "status"),
    [
        (["--source", "nobody"], "there is no source nobody: there are ", 1),
        (["--at", "yesterday"], "--at yesterday is not an ISO 8601 time, such as 2026-11-21T08:00:00Z", 2),
        (["--at", "9" * 40], "is not an ISO 8601 time", 2),
    ],
)
def test_what_explain_cannot_do_is_reported(
    arguments: list[str], complaint: str, status: int, config: Path, pasted: Path
) -> None:
    done = command("--config", config, "explain", *arguments, pasted)
    assert complaint in done.complaint
    assert done.status == status


@pytest.mark.parametrize(
    ("body", "headers", "why"),
    [
        (b"{}", "", "no known Git host sends such a delivery: name one of yours with --source"),
        (b"not json", "X-GitHub-Event: push", "the body is not JSON"),
        (b"[]", "X-GitHub-Event: push", "the body is JSON, but not an object"),
        (b"\xff\x00", "X-GitHub-Event: push", "the body is not JSON"),
        (b'{"ref":"refs/heads/\\ud800"}', "X-GitHub-Event: push", "the body is not JSON"),
        (b"{}", "X-GitHub-Event: push", ""),
        (b"", "X-Gitlab-Event: Push Hook\nno colon here\n: no name", "the body is not JSON"),
    ],
)
def test_what_cannot_be_read_is_reported_as_such(
    body: bytes, headers: str, why: str, config: Path, tmp_path: Path
) -> None:
    file = tmp_path / "odd.json"
    file.write_bytes(body)
    file.with_suffix(".headers").write_text(headers)
    (document,) = explained(config, file, status=1)
    assert why in document["error"]
    done = command("--config", config, "explain", file)
    assert (done.status, done.stdout) == (1, "")
    assert done.complaint == f"{file}: {document['error']}"


def test_one_delivery_that_cannot_be_read_hides_no_other(config: Path, pasted: Path) -> None:
    broken = pasted.with_name("broken.json")
    broken.write_text("not json")
    broken.with_suffix(".headers").write_text("X-GitHub-Event: push")
    first, second = explained(config, pasted.parent, status=1)
    assert (Path(first["file"]), "error" in first) == (broken, True)
    assert (Path(second["file"]), second["event"]) == (pasted, "push")


@pytest.mark.parametrize(
    ("event", "token"),
    [
        ("X-GitHub-Event: issues", "X-Hub-Signature-256"),
        ("X-Gitlab-Event: Issue Hook", "X-Gitlab-Token"),
        ("X-Gitee-Event: Issue Hook", "X-Gitee-Token"),
        ("Content-Type: application/json", "Authorization"),
    ],
)
def test_no_proof_is_distinguished_from_a_wrong_one(
    event: str, token: str, config: Path, tmp_path: Path
) -> None:
    body = tmp_path / "body.json"
    body.write_text('{"publisherId": "tfs", "eventType": "workitem.created"}')
    headers = body.with_suffix(".headers")
    headers.write_text(event)
    assert explained(config, body)[0]["signature"] == "absent"
    headers.write_text(f"{event}\n{token}: missing")
    assert explained(config, body)[0]["signature"] == "invalid"


def test_a_body_without_headers_is_reported_by_the_named_source(config: Path, tmp_path: Path) -> None:
    body = tmp_path / "alone.json"
    body.write_bytes(push_body("https://git.example.com/shop.git"))
    (document,) = explained(config, "--source", "simple", body)
    assert (document["event"], document["signature"]) == ("push", "absent")


def test_strangers_texts_do_not_control_the_terminal(tmp_path: Path) -> None:
    hostile = "\x1b]0;title\x07\x1b[31mname"
    ref = push_body("https://git.example.com/shop.git", f"refs/heads/{hostile}")
    name = push_body("https://git.example.com/shop.git", repository={"full_name": hostile})
    config = configured(tmp_path, [SECRET])
    for body in (ref, name):
        done = command("--config", config, "explain", paste(tmp_path / "hostile.json", body))
        assert all(letter.isprintable() or letter == "\n" for letter in done.stdout + done.stderr)


def test_a_folder_without_deliveries_is_reported(config: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "alone.json").write_text("{}")
    done = command("--config", config, "explain", empty)
    assert done.complaint == f"{empty} holds no X.json or X.body with its X.headers beside it"
    assert (done.status, done.stdout) == (1, "")


def test_explaining_leaves_no_store_behind(config: Path, pasted: Path) -> None:
    explained(config, pasted)
    assert not (config.parent / "data").exists()
