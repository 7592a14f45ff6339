from collections.abc import Iterator

import pytest
from support.fake_jenkins import fake_jenkins
from support.fake_jenkins_core import FakeJenkins
from support.jenkins_builds import declare


@pytest.fixture
def ci_server() -> Iterator[FakeJenkins]:
    with fake_jenkins() as server:
        declare(server)
        yield server
