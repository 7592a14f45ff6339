"""What can be said of every channel can be said of each kind."""

import pytest

from bridge.config.channels import ChannelSettings
from bridge.registry import CHANNELS


@pytest.mark.parametrize("kind", [kind for kind in CHANNELS if kind != "MESSAGE"])
def test_every_kind_has_the_common_settings(kind: str) -> None:
    assert issubclass(CHANNELS[kind].Settings, ChannelSettings)
