"""What Prometheus and Grafana are given here fits what a daemon exposes, and their own tool agrees."""

import itertools
import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from support.daemon import DUMMY, NO_TLS, running
from support.guides import headings, section
from support.needs import needs
from support.postgres import Server
from support.rules import shop_rule
from support.sending import push_body, send
from support.waiting import eventually

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/prometheus"
RULES = [FOLDER / "alerts.yaml", FOLDER / "silence.yaml"]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/buildbridge.json").read_text())
GUIDES = [ROOT / "bridge/guides" / language / "metrics.md" for language in ("en", "zh-CN")]
URL = "https://git.example.com/acme/shop.git"
PARTS: Final = {
    "en": ["Symptom: ", "Cause: ", "Do: "],
    "zh-CN": ["现象：", "原因：", "处理："],  # noqa: RUF001  # as Chinese is written
}
ADDED: Final = {"job", "instance"}
"""Labels that Prometheus adds to what it scrapes."""
Samples = Mapping[str, list[Mapping[str, str]]]


def promtool(*arguments: str | Path, given: str = "") -> str:
    """What it prints; it finds nothing wrong."""
    command = [needs("promtool"), *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def scrape(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A scrape of a daemon that was pushed to and built."""
    rules = {"shop.yaml": shop_rule(URL)}
    quick = {"builders": {"here": {"kind": "dummy", "duration": "100ms"}}}
    with running(tmp_path_factory.mktemp("daemon"), {**DUMMY, **quick}, rules) as daemon:
        send(daemon.url, push_body(URL))
        assert httpx.post(f"{daemon.url}/hooks/plain", content=b"{}", verify=NO_TLS).status_code >= 400
        return eventually(lambda: _whole(httpx.get(f"{daemon.url}/metrics", verify=NO_TLS).text))


def _whole(text: str) -> str:
    """A scrape of after the notice about the end of the build; the store's part may be a second older."""
    ended = 'buildbridge_builds_open{builder="here",state="waiting"} 0.0'
    return (
        text
        if ended in text and 'buildbridge_notice_delay_seconds_count{channel="message"} 2.0' in text
        else ""
    )


@pytest.fixture(scope="module")
def of_node(tmp_path_factory: pytest.TempPathFactory, _postgres: Server) -> str:
    """A scrape of a node of a PostgreSQL database."""
    folder = tmp_path_factory.mktemp("node")
    store = {"url": _postgres.make_database(), "folder": str(folder)}
    with running(folder, {**DUMMY, "store": store}, {}) as daemon:
        return httpx.get(f"{daemon.url}/metrics", verify=NO_TLS).text


@pytest.fixture(scope="module")
def samples(scrape: str, of_node: str) -> Samples:
    """The labels of every sample, by its name."""
    found: defaultdict[str, list[Mapping[str, str]]] = defaultdict(list)
    for family in (*text_string_to_metric_families(scrape), *text_string_to_metric_families(of_node)):
        for sample in family.samples:
            found[sample.name].append(sample.labels)
    return found


def alerts() -> Iterator[Mapping[str, Any]]:
    for file in RULES:
        for group in yaml.safe_load(file.read_text())["groups"]:
            yield from group["rules"]


def targets() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def test_promtool_finds_nothing_wrong_with_a_scrape(scrape: str, of_node: str) -> None:
    for text in (scrape, of_node):
        assert promtool("check", "metrics", given=text) == ""


def test_a_push_can_be_followed_from_its_delivery_to_its_notice(scrape: str) -> None:
    expected = [
        'buildbridge_deliveries_total{outcome="stored",source="plain"} 1.0',
        'buildbridge_deliveries_total{outcome="rejected",source="plain"} 1.0',
        'buildbridge_dispatched_total{state="dispatched"} 1.0',
        'buildbridge_triggers_total{builder="here",outcome="sent"} 1.0',
        'buildbridge_delivery_to_trigger_seconds_count{builder="here"} 1.0',
        'buildbridge_builds_total{builder="here",state="succeeded"} 1.0',
        'buildbridge_build_duration_seconds_count{builder="here"} 1.0',
        'buildbridge_notices_total{channel="message",outcome="ok"} 2.0',
        'buildbridge_builds_open{builder="here",state="waiting"} 0.0',
        "buildbridge_last_reload_successful 1.0",
        "buildbridge_delivery_answer_seconds_count 2.0",
    ]
    assert set(expected) - set(scrape.splitlines()) == set()


def test_what_goes_on_beside_pushes_is_measured_too(scrape: str) -> None:
    for name in ("store_write_seconds_count", "loop_lag_seconds_count"):
        found = re.search(rf"^buildbridge_{name} (\S+)$", scrape, re.MULTILINE)
        assert found, name
        assert float(found[1]) > 0, name


def test_promtool_finds_nothing_wrong_with_the_alerts() -> None:
    said = promtool("check", "rules", "--lint=all", "--lint-fatal", *RULES)
    assert sum(map(int, re.findall(r"SUCCESS: (\d+) rules found", said))) == len(list(alerts()))


@pytest.mark.parametrize("file", [f"{rules.stem}.test.yaml" for rules in RULES])
def test_each_alert_fires_when_it_should_and_not_otherwise(file: str) -> None:
    assert "SUCCESS" in promtool("test", "rules", FOLDER / file)


def test_each_alert_is_tested_with_what_makes_it_fire_and_with_what_does_not() -> None:
    tested: set[tuple[str, bool]] = set()
    for rules in RULES:
        for case in yaml.safe_load((FOLDER / f"{rules.stem}.test.yaml").read_text())["tests"]:
            tested |= {(one["alertname"], bool(one["exp_alerts"])) for one in case["alert_rule_test"]}
    assert tested == {(alert["alert"], fires) for alert in alerts() for fires in (True, False)}


def test_promtool_can_read_every_query_of_the_dashboard(tmp_path: Path) -> None:
    queries = [query.replace("$__rate_interval", "5m").replace("$job", "buildbridge") for query in targets()]
    rules = [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    assert f"SUCCESS: {len(queries)} rules found" in promtool("check", "rules", tmp_path / "rules.yaml")


@pytest.mark.sqlite
def test_every_series_that_alerts_and_dashboard_name_is_in_a_scrape(samples: Samples) -> None:
    for query in (*(alert["expr"] for alert in alerts()), *targets()):
        check_names(query, samples)


def check_names(query: str, samples: Samples) -> None:
    named = re.findall(r"\b(?:buildbridge|process)_\w+\b(?:\{([^}]*)\})?", query)
    names = re.findall(r"\b(?:buildbridge|process)_\w+\b", query)
    assert names or "up{" in query
    by = {
        label for found in re.findall(r"by \(([^)]*)\)", query) for label in re.split(r", ?", found)
    } - ADDED
    for name, matchers in zip(names, named, strict=True):
        assert name in samples, name
        assert by <= set(samples[name][0]), (name, by)
        for label, operator, value in re.findall(r'(\w+)(=~|!=|=)"([^"]*)"', matchers):
            if label in ADDED:
                continue
            values = {labels[label] for labels in samples[name]}
            wanted = set(value.split("|")) if operator == "=~" else {value}
            # A source that is not configured has the label `unknown` from the start, too.
            assert wanted <= values, (name, label, wanted - values)


def test_the_panels_have_ids_of_their_own_and_lie_beside_each_other() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells: list[tuple[int, int]] = []
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells += itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    assert len(set(cells)) == len(cells)


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.parent.name)
def test_the_guide_has_a_part_for_each_alert_with_its_cause_and_its_cure(guide: Path) -> None:
    text = guide.read_text()
    names = [alert["alert"] for alert in alerts()]
    assert [title for title in headings(text) if title.startswith("Buildbridge")] == names
    parts = PARTS[guide.parent.name]
    for name in names:
        found = section(text, name)
        assert [part in found for part in parts] == [True] * 3, name


@pytest.mark.sqlite
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.parent.name)
def test_every_metric_that_the_guide_names_is_in_a_scrape_and_every_metric_is_named(
    guide: Path, samples: Samples
) -> None:
    named = set(re.findall(r"`(buildbridge_\w+)`", guide.read_text()))
    exposed = {re.sub(r"_(bucket|sum|count)$", "", name) for name in samples}
    assert named == {name for name in exposed if name.startswith("buildbridge_")}
