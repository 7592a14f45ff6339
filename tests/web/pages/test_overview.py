"""The overview says which pushes no webhook reported, to who may know."""

from support.api import api_of, bearer, client_of, issue
from support.reconciling import keep_missed
from support.scripted import Store
from support.shown import shown, words

from bridge.model.access import Role

WHY = "no webhook has ever come from the source gitea"
LINE = "1 push of the last day came without a webhook"


async def test_the_pushes_of_the_last_day_that_no_webhook_reported_are_one_line(store: Store) -> None:
    await keep_missed(store, WHY, "is built", "came late")
    async with client_of(api_of(store)) as client:
        client.headers["accept-language"] = "en"
        assert LINE not in words(await shown(client, "/"))
        client.headers.update(bearer(await issue(store)))
        page = await shown(client, "/")
        assert "<title>1 thing is wrong" in page
        assert LINE in words(page)
        assert f"{WHY} " in words(page)
        client.headers["accept-language"] = "zh-CN"
        chinese = words(await shown(client, "/"))
        assert "最近一天有 1 次推送没有收到 Webhook" in chinese
        assert "来源 gitea 从未发来过 Webhook" in chinese
        client.headers["accept-language"] = "en"
        store.clock.advance(86_401)
        assert "Everything works." in words(await shown(client, "/"))
        store.clock.advance(-86_401)
        client.headers.update(bearer(await issue(store, Role.VIEWER, "initech")))
        assert LINE not in words(await shown(client, "/"))
