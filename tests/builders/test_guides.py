"""The guides of builders: one in each language, with good blocks, and sentences that are really said."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.builder_sites import SITES
from support.commands import command
from support.guides import RULE, blocks, headings, section, shows, tables
from support.mistakes import Make
from support.secret_files import write_secret

from bridge.builders.base import Sent
from bridge.channels.reasons import reasons
from bridge.cli.speech import Reader
from bridge.errors import RemoteError
from bridge.registry import BUILDERS
from bridge.runtime.redaction import masked

LANGUAGES = ("en", "zh-CN")
GUIDED = [kind for kind in BUILDERS if (Path(str(BUILDERS.folder(kind))) / "guide.en.md").is_file()]
CONFIGURATION, MISTAKES, TEST = "Configuration", "Common mistakes", "The test"
TITLES = {
    "The token": "令牌",
    "Who calls": "调用身份",
    "The keys": "密钥",
    "The job": "任务",
    "The pipeline": "流水线",
    "The workflow": "工作流",
    "The build repository": "构建仓库",
    "The machine": "机器准备",
    "The registry": "镜像仓库",
    "The parameters": "参数",
    "The variables": "变量",
    "Inputs in place of variables": "用 inputs 代替变量",
    "Started by an event": "由事件触发",
    "The three modes of Drone 0.5": "Drone 0.5 的三种模式",
    "A command in place of an engine": "用命令代替构建引擎",
    CONFIGURATION: "配置",
    "Sooner than the next poll": "更快得知结果",
    TEST: "测试",
    MISTAKES: "常见错误",
    "What shows where": "在哪里看到什么",
    "Good to know": "须知",
}
"""The headings, and what they are in Chinese."""
_QUOTED = re.compile(r"`[^`]*`|'[^']*'|“[^”]*”|（[\w., -]*）|(?<=失败：).*")  # noqa: RUF001  # as Chinese is written


def guide(kind: str, language: str = "en") -> str:
    return BUILDERS.text(kind, f"guide.{language}.md")


def english_left(kind: str, said: str) -> list[str]:
    """What readers of Chinese get in English, but for quoted words."""
    shown = reasons("zh-CN", BUILDERS[kind].chinese)(said)
    return re.findall(r"(?:\b[a-z']+,? ){2}[a-z]+\b", _QUOTED.sub("", shown))


def mistakes(kind: str, which: str) -> dict[str, Make]:
    """How mistakes are made: those that the test `TOLD`, and those that show once a build is `ORDERED`."""
    module = import_module(f"builders.{BUILDERS[kind].__module__.split('.')[2]}.mistakes")
    found: dict[str, Make] = getattr(module, which, {})
    return found


def each(which: str) -> list[tuple[str, str]]:
    return [(kind, sentence) for kind in GUIDED for sentence in mistakes(kind, which)]


def test_every_kind_that_needs_something_prepared_has_a_guide_in_both_languages() -> None:
    needing = [kind for kind in BUILDERS if (Path(str(BUILDERS.folder(kind))) / "secrets.yaml").is_file()]
    assert {*needing, "local"} <= {*GUIDED}
    assert all(guide(kind, "zh-CN") for kind in GUIDED)


@pytest.mark.parametrize("kind", GUIDED)
def test_both_languages_have_the_same_parts(kind: str) -> None:
    ours, theirs = (headings(guide(kind, language)) for language in LANGUAGES)
    assert theirs == [TITLES[title] for title in ours]
    assert {CONFIGURATION, TEST, MISTAKES} <= {*ours}
    for language in ("yaml", "json"):
        read = yaml.safe_load_all if language == "yaml" else lambda text: [json.loads(text)]
        shown = [[list(read(block)) for block in blocks(guide(kind, one), language)] for one in LANGUAGES]
        assert shown[0] == shown[1]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", GUIDED)
def test_every_configuration_that_a_guide_shows_passes_the_check(
    kind: str, language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = [block for block in blocks(guide(kind, language), "yaml") if "\nbuilders:" in f"\n{block}"]
    assert shown
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules/shop.yaml").write_text(RULE)
    (tmp_path / "secrets").mkdir()
    for program in ("buildah", "git-lfs"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    for number, block in enumerate(shown):
        for name in ("git", *re.findall(r"\{file: secrets/([\w.-]+)\}", block)):
            write_secret(tmp_path / "secrets" / name, "0123456789abcdef")
        file = tmp_path / f"{number}.yaml"
        file.write_text(f"sources: {{git: {{kind: Simple, secrets: [{{file: secrets/git}}]}}}}\n{block}")
        done = command("check", "--config", file)
        assert (done.status, done.stderr) == (0, ""), done.stdout
        assert kind in {one.get("kind") for one in yaml.safe_load(block)["builders"].values()}
        assert "warning" not in done.stdout


@pytest.mark.parametrize("kind", ["drone", "github-actions", "gitea-actions"])
def test_the_images_are_built_as_in_the_pipeline_that_is_run_by_a_test_of_its_own(kind: str) -> None:
    """A dollar that the build system would take for its own is written twice."""
    pipeline = yaml.safe_load(blocks(guide("gitlab-ci"), "yaml")[0])
    script = pipeline["build"]["script"][-1].split("\n")
    shown = [line.strip().replace("$${", "${") for line in guide(kind).splitlines()]
    assert len(script) > 4
    assert {line.strip() for line in script} <= {*shown, ""}


@pytest.mark.parametrize(
    ("kind", "which", "event"),
    [("github-actions", 0, None), ("github-actions", 1, "image"), ("gitea-actions", 0, None)],
)
async def test_the_workflow_of_a_guide_lacks_nothing(
    kind: str, which: int, event: str | None, tmp_path: Path
) -> None:
    shown = [block for block in blocks(guide(kind), "yaml") if "\njobs:" in block]
    async with SITES[kind].open(tmp_path) as site:
        mistake: Any = site
        mistake.server.files[""] = shown[which]
        async with site.builder(**({"event": event} if event else {})) as builder:
            assert "; it " not in await builder.test()
            outcome = await builder.trigger(site.request("b-1"))
            assert (outcome.__class__, getattr(outcome, "caveat", "")) == (Sent, "")
    used = {*re.findall(r"\.([A-Z][A-Z_]+) }}", shown[which])} - {
        "GITHUB_TOKEN",
        "REGISTRY_USER",
        "REGISTRY_PASSWORD",
    }
    inputs = (yaml.load(shown[which], yaml.BaseLoader)["on"].get("workflow_dispatch") or {}).get(
        "inputs", used
    )
    assert used == {*inputs}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", GUIDED)
def test_the_tables_have_the_mistakes_that_are_tried_here(kind: str, language: str) -> None:
    shown = tables(section(guide(kind, language), MISTAKES if language == "en" else TITLES[MISTAKES]))
    tried = [list(one) for which in ("TOLD", "ORDERED") if (one := mistakes(kind, which))]
    assert [sorted(one) for one in shown] == [sorted(one) for one in tried]
    assert kind == "local" or len(shown[0]) >= 10


@pytest.mark.parametrize(("kind", "sentence"), [*each("TOLD"), *each("ORDERED")])
def test_what_is_said_of_a_mistake_does_not_look_like_a_secret(kind: str, sentence: str) -> None:
    """What does is taken out of every output, and the reader would miss a word."""
    assert masked(sentence) == sentence, kind


@pytest.mark.parametrize(("kind", "sentence"), each("TOLD"))
async def test_the_test_names_a_common_mistake(kind: str, sentence: str, tmp_path: Path) -> None:
    async with SITES[kind].open(tmp_path) as site:
        settings: Any = mistakes(kind, "TOLD")[sentence](site) or {}
        async with site.builder(**settings) as builder:
            try:
                said = await builder.test()
            except RemoteError as error:
                said = str(error)
    assert shows(sentence, said), said
    assert not english_left(kind, said)


@pytest.mark.parametrize(("kind", "sentence"), each("ORDERED"))
async def test_the_timeline_names_a_common_mistake(kind: str, sentence: str, tmp_path: Path) -> None:
    async with SITES[kind].open(tmp_path) as site:
        settings: Any = mistakes(kind, "ORDERED")[sentence](site) or {}
        async with site.builder(**settings) as builder:
            outcome = await builder.trigger(site.request("b-1"))
    said = outcome.caveat if isinstance(outcome, Sent) else outcome.why
    assert shows(sentence, said), said


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", GUIDED)
async def test_what_a_guide_expects_of_the_test_is_said(kind: str, language: str, tmp_path: Path) -> None:
    """It is about the server of the guide: the names are others here."""
    text = section(guide(kind, language), TEST if language == "en" else TITLES[TEST])
    expected = " ".join(blocks(text, "text")[0].split())
    async with SITES[kind].open(tmp_path) as site:
        settings: Any = mistakes(kind, "GOOD").get("", lambda _site: {})(site) or {}
        async with site.builder(**settings) as builder:
            said = await builder.test()
    shown = Reader(given=language).reason(f"ok: {said}")
    assert re.fullmatch(".*".join(map(re.escape, expected.split("…"))), shown), shown
    assert not english_left(kind, said)
