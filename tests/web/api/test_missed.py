"""Pushes that no webhook reported, by the API: who sees which of them."""

from pathlib import Path

from support.answers import bad, good
from support.api import api_of, bearer, client_of, issue
from support.keeping import keeper_of
from support.reconciling import RULE, keep_missed
from support.scripted import Store

from bridge.model.access import Role


async def test_who_has_one_namespace_sees_what_was_missed_of_its_code_alone(
    store: Store, tmp_path: Path
) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "shop.yaml").write_text(
        RULE.format(name="shop", url="https://git.example.com/acme/shop.git", kind="Gitea")
    )
    keeper = await keeper_of(store, folder)
    await keep_missed(store, "first")
    await keep_missed(store, "second", repo="globex/other")
    async with client_of(api_of(store, keeper=keeper)) as api:
        everywhere = bearer(await issue(store, Role.VIEWER))
        of_acme = bearer(await issue(store, Role.VIEWER, "acme"))
        elsewhere = bearer(await issue(store, Role.VIEWER, "initech"))
        seen = good(await api.get("/v1/missed", headers=everywhere))
        assert [one["reason"] for one in seen] == ["second", "first"]
        assert good(await api.get("/v1/missed", headers=of_acme)) == seen[1:]
        assert good(await api.get("/v1/missed", headers=elsewhere)) == []
        bad(await api.get("/v1/missed"), 401)
