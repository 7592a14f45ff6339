# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""The pages of deliveries: why a push built nothing, what came of one, and how it is evaluated again."""

import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from sqlalchemy import text
from support.api import bearer, issue
from support.listed import newest_deliveries
from support.pushed import URL, Pushes, once_of, pushing, row_of, rule, words
from support.scripted import Store
from support.sending import SHA
from support.stored import tag_config_document

from bridge.model.access import Role
from bridge.model.audit import Action
from bridge.model.delivery import DeliveryState
from bridge.store.values import Cursor
from bridge.web.pages.bodies import MAX_SHOWN
from bridge.web.pages.decisions import without_folders
from bridge.web.pages.deliveries import MAX_CHOSEN

MARKUP: Final = "<script>alert(1)</script><img/src=x>{{7*7}}"
TURNED: Final = "\u202etxt.exe"
CHINESE: Final = "zh-CN"


@pytest.fixture
async def pushes(store: Store) -> AsyncIterator[Pushes]:
    tag = tag_config_document("v*", code_repo_type="tag", docker_repo_tag="{tag}")
    rules = [rule("acme", tag_config_document("main"), tag), rule("globex", tag_config_document("secret/*"))]
    async with pushing(store, *rules) as opened:
        yield opened


async def as_role(store: Store, pushes: Pushes, role: Role, *namespaces: str) -> None:
    pushes.client.headers.update(bearer(await issue(store, role, *namespaces)))


async def test_the_list_itself_says_which_condition_of_which_rule_failed(
    store: Store, pushes: Pushes
) -> None:
    await as_role(store, pushes, Role.VIEWER)
    row = await pushes.push("dev")
    read = row_of(await pushes.page("/deliveries"), f"delivery-{row.delivery.id}")
    assert f"plain acme/shop dev {SHA[:10]} No rule wants" in read
    assert "No rule wants the branch dev . acme/shop builds: branch main , tags v* globex/shop" in read
    chinese = row_of(await pushes.page("/deliveries", language=CHINESE), f"delivery-{row.delivery.id}")
    assert "没有规则匹配分支 dev 。 acme/shop 构建： 分支 main 、标签 v*" in chinese
    assert not re.search("[a-z]{3,} [a-z]{3,} [a-z]{3,}", chinese), "no English sentence is left"


async def test_a_delivery_leads_from_its_receipt_to_the_failed_condition_and_its_place(
    store: Store, pushes: Pushes
) -> None:
    await as_role(store, pushes, Role.VIEWER)
    row = await pushes.push("dev")
    page = await pushes.page(f"/deliveries/{row.delivery.id}")
    read = words(page)
    steps = [
        "No rule wants the branch dev .",
        "Received",
        "Signature",
        "Event push",
        "Ref and rules",
        "Builds None",
    ]
    places = [read.index(step) for step in steps]
    assert places == sorted(places)
    assert "acme/shop rules/0.yaml:2:1 entry 1 (branch main → latest ) does not build: dev does not" in read
    assert read.count("dev does not match main") == 1, "each condition is said once"
    assert "Evaluate again" not in read, "a viewer asks for nothing"
    assert f"/rules/test?delivery={row.delivery.id}&amp;repository=acme/shop" in page
    chinese = await pushes.words(f"/deliveries/{row.delivery.id}", language=CHINESE)
    assert "第 1 条（分支 main → latest ） 不构建： dev 不匹配 main" in chinese


async def test_a_repository_shows_its_last_push_that_built_nothing_to_who_sees_all_pushes(
    store: Store, pushes: Pushes
) -> None:
    code = {"full_name": "shop", "clone_url": URL}
    older, newer, _ = [await pushes.push(name, repository=code) for name in ("dev", "feature", "main")]
    await as_role(store, pushes, Role.VIEWER)
    page = await pushes.page("/repositories/acme/shop")
    assert f'href="/deliveries/{newer.delivery.id}"' in page
    assert older.delivery.id not in page
    assert "The last push that built nothing: 11-14 22:13:21 feature No rule wants" in words(page)
    await as_role(store, pushes, Role.ADMIN, "acme")
    assert newer.delivery.id not in await pushes.page("/repositories/acme/shop")


async def test_a_delivery_shows_what_it_built_and_how_that_is(store: Store, pushes: Pushes) -> None:
    await as_role(store, pushes, Role.VIEWER)
    row = await pushes.push("main", commit={"id": SHA, "message": "Mend it", "author": {"name": "Ann"}})
    (build,) = await store.builds.of_delivery(row.delivery.id)
    page = await pushes.page(f"/deliveries/{row.delivery.id}")
    read = words(page)
    assert "It made 1 build." in read
    assert f'href="/builds/{build.id}"' in page
    assert "entry 1 (branch main → latest ) builds acme/shop:latest" in read
    assert f'data-ids="{row.delivery.id} {build.id}"' in page, "it follows both"


async def test_a_push_that_no_rule_is_for_says_so_and_names_the_nearest(store: Store, pushes: Pushes) -> None:
    await as_role(store, pushes, Role.VIEWER)
    other = {"full_name": "acme/shopp", "clone_url": "https://git.example.com/shopp.git"}
    row = await pushes.push("main", repository=other)
    for path in ("/deliveries", f"/deliveries/{row.delivery.id}"):
        read = await pushes.words(path)
        assert "no rule is for Simple acme/shopp at https://git.example.com/shopp.git; the nearest:" in read
        assert "没有规则对应" in await pushes.words(path, language=CHINESE)


async def test_deliveries_are_found_and_what_was_asked_for_stays_in_the_form(
    store: Store, pushes: Pushes
) -> None:
    await as_role(store, pushes, Role.VIEWER)
    first = await pushes.push("dev")
    began = datetime.fromtimestamp(store.clock(), UTC).astimezone().strftime("%Y-%m-%dT%H:%M:%S")
    store.clock.advance(60)
    second = await pushes.push("main", sha="f" * 40)

    async def rows(query: str) -> list[str]:
        return re.findall('<tr id="delivery-([^"]+)">', await pushes.page(f"/deliveries?{query}"))

    assert await rows("") == [second.delivery.id, first.delivery.id]
    assert await rows("ref=dev&repo=ACME/shop") == [first.delivery.id]
    assert await rows("sha=fffffff") == [second.delivery.id]
    assert await rows("state=ignored&source=plain&ref=&repo=&sha=&until=") == [first.delivery.id]
    assert await rows(f"until={began}") == [first.delivery.id], "a time without a zone is one of this machine"
    page = await pushes.page("/deliveries?ref=dev&sha=25a50db")
    assert 'name="ref" value="dev"' in page
    assert 'href="/v1/deliveries?ref=dev&amp;sha=25a50db"' in page
    page = await pushes.page("/deliveries?sha=nonsense", 400)
    assert "nonsense is no commit" in words(page)
    assert 'value="nonsense"' in page, "what was typed stays"
    assert "nonsense 不是提交 id" in await pushes.words("/deliveries?sha=nonsense", 400, language=CHINESE)


async def test_a_time_without_a_zone_is_one_of_this_machine(
    store: Store, pushes: Pushes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    time.tzset()
    try:
        await as_role(store, pushes, Role.VIEWER)
        row = await pushes.push("main")
        local = datetime.fromtimestamp(row.delivery.received_at).strftime("%Y-%m-%dT%H:%M:%S")  # noqa: DTZ006
        assert row.delivery.id in await pushes.page(f"/deliveries?until={local}")
        store.clock.advance(3600)
        later = await pushes.push("main", sha="c" * 40)
        page = await pushes.page(f"/deliveries?until={local}")
        assert row.delivery.id in page
        assert later.delivery.id not in page
        sent = f"{datetime.fromisoformat(local).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        page = await pushes.page(f"/deliveries?until={sent}")
        assert later.delivery.id not in page
        assert f'value="{local}" data-at="{sent}"' in page, "scripts send a time with its zone"
    finally:
        monkeypatch.undo()
        time.tzset()


async def test_an_empty_list_says_where_to_look(store: Store, pushes: Pushes) -> None:
    await as_role(store, pushes, Role.VIEWER)
    read = await pushes.words("/deliveries")
    assert "Nothing has arrived yet." in read
    assert "https://bridge.example.com/hooks/gitee" in read
    assert "Your Git host lists the requests that it has sent" in read
    store.deliveries.reject("gitee", "the token is wrong")
    await store.activity.keep_rejections()
    assert "gitee : 1 time: the token is wrong" in await pushes.words("/deliveries")
    assert "令牌不对" in await pushes.words("/deliveries", language=CHINESE)
    await pushes.push("main")
    assert "Nothing like that has arrived since" in await pushes.words("/deliveries?ref=none")


async def test_a_reader_of_some_namespaces_sees_only_what_built_there(store: Store, pushes: Pushes) -> None:
    ignored, built = await pushes.push("secret"), await pushes.push("main")
    await pushes.push("secret/x")
    await as_role(store, pushes, Role.MEMBER, "acme")
    store.deliveries.reject("gitee", "the token is wrong")
    await store.activity.keep_rejections()
    page = await pushes.page("/deliveries")
    assert re.findall('<tr id="delivery-([^"]+)">', page) == [built.delivery.id]
    for hidden in ("globex", "hooks/gitee", "token is wrong", 'name="source"', 'type="checkbox"'):
        assert hidden not in page
    assert "globex" not in await pushes.page(f"/deliveries/{built.delivery.id}")
    assert "too old" in await pushes.words(f"/deliveries/{ignored.delivery.id}", 404)
    assert "leave out namespace" in await pushes.words("/deliveries?repo=acme/shop", 400)
    pushes.client.headers.pop("authorization")
    answer = await pushes.client.get(f"/deliveries/{built.delivery.id}")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        f"/sign-in?next=%2Fdeliveries%2F{built.delivery.id}",
    )


async def test_a_member_has_a_delivery_evaluated_again_once(store: Store, pushes: Pushes) -> None:
    row = await pushes.push("main")
    path = f"/deliveries/{row.delivery.id}"
    await as_role(store, pushes, Role.VIEWER)
    await pushes.form(f"{path}/redeliver", {"once": "a-key-of-a-viewer"}, 403)
    await as_role(store, pushes, Role.MEMBER)
    form = {"once": once_of(await pushes.page(path))}
    first, second = [await pushes.form(f"{path}/redeliver", form) for _ in range(2)]
    assert first.headers["location"] == second.headers["location"]
    new, old = await newest_deliveries(store, 10)
    assert (new.replay, old.id) == (1, row.delivery.id)
    assert first.headers["location"] == f"/deliveries/{new.id}?done=redelivered"
    read = await pushes.words(first.headers["location"])
    assert "This is the new delivery" in read
    assert f'href="/deliveries/{row.delivery.id}"' in await pushes.page(f"/deliveries/{new.id}")
    (entry,) = (await store.audit.page(Cursor(), 10)).rows
    assert (entry.action, entry.subject, entry.origin) == (
        Action.DELIVERY_REDELIVERED,
        row.delivery.id,
        "192.0.2.7",
    )


async def test_several_are_shown_and_counted_before_they_are_evaluated_again(
    store: Store, pushes: Pushes
) -> None:
    rows = [await pushes.push(name) for name in ("dev", "main", "other")]
    ids = [row.delivery.id for row in rows]
    await as_role(store, pushes, Role.MEMBER)
    page = await pushes.page("/deliveries")
    assert len(re.findall('type="checkbox" name="id"', page)) == 3
    path = f"/deliveries/redeliver?id={ids[0]}&id={ids[1]}&id={ids[0]}&id=gone"
    page = await pushes.page(path)
    assert "2 deliveries are to be evaluated again" in words(page)
    assert "1 is left out" in words(page)
    assert len(await newest_deliveries(store, 10)) == 3, "to look changes nothing"
    form = {"once": once_of(page), "id": [*ids[:2], "gone"]}
    for _ in range(2):
        answer = await pushes.form("/deliveries/redeliver", form)
        assert answer.headers["location"] == "/deliveries?done=redelivered"
    found = await newest_deliveries(store, 10)
    assert sorted(head.key for head in found if head.replay) == ["push-1", "push-2"]
    assert "What you chose is evaluated again" in await pushes.words("/deliveries?done=redelivered")
    await as_role(store, pushes, Role.VIEWER)
    await pushes.page(path, 403)
    await pushes.form("/deliveries/redeliver", form, 403)


async def test_no_form_has_more_evaluated_again_than_was_shown(store: Store, pushes: Pushes) -> None:
    row = await pushes.push("main")
    await as_role(store, pushes, Role.MEMBER)
    query = "&".join(f"id=none-{number}" for number in range(MAX_CHOSEN))
    page = await pushes.page(f"/deliveries/redeliver?{query}&id={row.delivery.id}")
    assert "No delivery was chosen" in words(page)
    form = {"once": "a-key", "id": [*(f"none-{number}" for number in range(MAX_CHOSEN)), row.delivery.id]}
    await pushes.form("/deliveries/redeliver", form)
    assert len(await newest_deliveries(store, 10)) == 1


async def test_the_request_is_shown_as_far_as_a_page_holds(store: Store, pushes: Pushes) -> None:
    await as_role(store, pushes, Role.MEMBER)
    row = await pushes.push("main", commit={"id": SHA, "message": MARKUP, "author": {"name": MARKUP}})
    page = await pushes.page(f"/deliveries/{row.delivery.id}")
    body = re.findall(r'<pre class="body"><bdi>(.*?)</bdi></pre>', page, flags=re.DOTALL)[0]
    assert '\n "type": "push"' in words(body.replace("\n", "⏎")).replace("⏎", "\n").replace("&#34;", '"')
    assert "This is the beginning" not in page
    assert f'href="/v1/deliveries/{row.delivery.id}/body"' in page
    assert "webhook-id" in page
    curl = f"https://bridge.example.com/v1/deliveries/{row.delivery.id}/redeliver"
    assert curl in page
    large = await pushes.put("large", body=b"[" * (5 * MAX_SHOWN))
    page = await pushes.page(f"/deliveries/{large.delivery.id}")
    assert "This is the beginning of it." in page
    assert len(page) < MAX_SHOWN + 20_000


async def test_texts_of_strangers_are_shown_and_never_obeyed(store: Store, pushes: Pushes) -> None:
    await as_role(store, pushes, Role.MEMBER)
    author = {"name": f"{MARKUP} {TURNED} {'长' * 9000}", "email": "eve@example.com"}
    ref = f"a{MARKUP.replace('{{7*7}}', '')}{TURNED}"
    repo = {"full_name": f"{MARKUP}/{'x' * 900}", "clone_url": "https://git.example.com/shop.git"}
    row = await pushes.push(ref, commit={"id": SHA, "message": MARKUP, "author": author}, repository=repo)
    assert row.state is DeliveryState.IGNORED
    for path in (
        "/deliveries",
        f"/deliveries/{row.delivery.id}",
        f"/deliveries/redeliver?id={row.delivery.id}",
    ):
        for language in ("en", CHINESE):
            page = await pushes.page(path, language=language)
            assert "<script>alert" not in page
            assert "<img/src" not in page
            assert "49" not in words(page).split(), "no template of strangers is filled in"
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
            assert "\u202e" not in page, "a mark that turns what follows it is seen instead"
            assert "\ufffdtxt.exe" in page
            assert len(page) < 60_000


@pytest.mark.parametrize(
    ("text_of", "shown"),
    [
        ("/srv/ci/rules/shop.yaml:20:1", "rules/shop.yaml:20:1"),
        (
            "a/b (/srv/rules/shop.yaml:20:1): builds from https://x/y.git",
            "a/b (rules/shop.yaml:20:1): builds from https://x/y.git",
        ),
        ("https://x:80/y:1:1 /etc a:1:1", "https://x:80/y:1:1 /etc a:1:1"),
        ("rules/shop.yaml:20:1", "rules/shop.yaml:20:1"),
    ],
)
def test_places_are_shown_without_the_folders_of_the_server(text_of: str, shown: str) -> None:
    assert without_folders(text_of) == shown


async def test_a_damaged_row_is_shown_as_one_and_harms_no_other(store: Store, pushes: Pushes) -> None:
    await as_role(store, pushes, Role.MEMBER)
    damaged, whole = await pushes.push("dev"), await pushes.push("main")

    def harm(connection: Any) -> None:
        change = (
            "UPDATE delivery SET body = :body, headers = '{', explanation = '[3, {\"matches\": [{}, 4]}]'"
        )
        connection.execute(text(f"{change} WHERE id = :id"), {"id": damaged.delivery.id, "body": b"\0"})

    await store.database.write(harm)
    read = await pushes.words(f"/deliveries/{damaged.delivery.id}")
    assert "damaged: what the store has as its headers and its body cannot be read" in read
    assert "已损坏" in await pushes.words(f"/deliveries/{damaged.delivery.id}", language=CHINESE)
    assert whole.delivery.id in await pushes.page("/deliveries")
