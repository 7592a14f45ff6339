"""A source whose host sends no webhooks: it needs no secret, and nothing else may leave it out."""

from pathlib import Path

import pytest

from bridge.config.loader import Config, load_config, load_host_api
from bridge.errors import ConfigError
from bridge.registry import KINDS

ENVIRON = {"TOKEN": "api-token-0123456789"}


def written(folder: Path, source: str) -> Path:
    file = folder / "bridge.yaml"
    file.write_text(f"sources: {{hub: {{kind: GitHub{source}}}}}\nbuilders: {{none: {{kind: dummy}}}}\n")
    return file


def loaded(folder: Path, source: str) -> Config:
    return load_config(written(folder, source), KINDS, ENVIRON)


def test_a_polled_source_needs_no_secret(tmp_path: Path) -> None:
    source = loaded(tmp_path, ", poll: 1m").settings.sources["hub"]
    assert (source.secrets, source.credentials) == ((), [])


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("", "sources.hub: secrets is missing: write that of the webhook, or poll: 1m where"),
        (", missed: build", "sources.hub: secrets is missing"),
        (", secrets: [], poll: 1m", "sources.hub.secrets: needs at least 1 entry"),
    ],
)
def test_another_one_says_what_is_missing(tmp_path: Path, source: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, source)
    assert said in str(caught.value)


def test_its_api_can_be_loaded_alone(tmp_path: Path) -> None:
    file = written(tmp_path, ", poll: 1m, api: {token: {env: TOKEN}}")
    source = load_host_api(file, KINDS, ENVIRON, "hub")
    assert source is not None
    assert source.secrets == ()
