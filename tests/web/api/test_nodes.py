"""The nodes by the API, of a store that only one daemon can serve; the tests of daemons have several."""

import pytest
from support.answers import bad, good
from support.api import api_of, bearer, client_of, issue
from support.scripted import Store

from bridge import __version__
from bridge.model.access import Role
from bridge.runtime.clock import when


@pytest.mark.sqlite
async def test_who_may_read_all_sees_the_one_daemon_whose_beat_means_nothing(store: Store) -> None:
    await store.nodes.join("home", "builder-1:8088", ["dispatch"])
    joined = store.clock()
    store.clock.advance(3600)
    async with client_of(api_of(store)) as api:
        everywhere = bearer(await issue(store, Role.VIEWER))
        assert good(await api.get("/v1/nodes", headers=everywhere)) == [
            {
                "name": "builder-1:8088",
                "version": __version__,
                "since": when(joined),
                "beat_at": None,
                "beat_age": None,
                "late": False,
                "duties": None,
            }
        ]
        parts = good(await api.get("/v1/health", headers=everywhere))
        assert [one["name"] for one in parts if one["name"].startswith("node:")] == []
        of_acme = bearer(await issue(store, Role.MEMBER, "acme"))
        bad(await api.get("/v1/nodes", headers=of_acme), 403)
