"""What can be read over HTTP, by whom, and in which shape."""

from collections.abc import AsyncIterator

import httpx
import pytest
from support.answers import bad, good
from support.api import api_of
from support.keeping import NoRules
from support.scripted import START, Store, delivery_of, quiet

from bridge.errors import ConfigError, Fault
from bridge.model.build import BuildState
from bridge.model.delivery import DeliveryState
from bridge.model.event import Person
from bridge.planning.builds import plan
from bridge.planning.notice_policy import NoticePolicy
from bridge.rules.disk import Reloaded
from bridge.runtime.clock import when
from bridge.store.values import BuildChange, Decision
from bridge.web.api.pages import PAGE_SIZE
from bridge.web.api.queries import MAX_PAGE

TOKEN = "a-token-of-the-tests"
OTHER = "another-tökèn"
TRUSTED = {"authorization": f"Bearer {TOKEN}"}


FAULT = Fault("rules/shop.yaml:3", "repo_name", "is missing")


async def no_rules() -> Reloaded:
    raise ConfigError([FAULT])


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    served = api_of(store, tokens=[TOKEN, OTHER], keeper=NoRules(no_rules))
    transport = httpx.ASGITransport(served)
    async with httpx.AsyncClient(transport=transport, base_url="http://bridge.example.com") as opened:
        yield opened


async def test_pages_hold_twenty_and_lead_to_each_other(store: Store, client: httpx.AsyncClient) -> None:
    for number in range(45):
        await store.add_build(str(number), is_public=True, repo_name="web" if number < 2 else "shop")
    pages = [good(await client.get("/v1/builds?repo_name=shop&namespace=acme"))]
    while pages[-1]["next"]:
        pages.append(good(await client.get(pages[-1]["next"])))
    assert [len(page["results"]) for page in pages] == [PAGE_SIZE, PAGE_SIZE, 3]
    assert {page["count"] for page in pages} == {43}
    numbers = [build["number"] for page in pages for build in page["results"]]
    assert numbers == list(range(43, 0, -1))
    assert pages[0]["previous"] is None
    back = good(await client.get(pages[2]["previous"]))
    assert back == pages[1]
    for number, page in enumerate(pages, start=1):
        by_number = await client.get(f"/v1/builds?repo_name=shop&namespace=acme&page={number}")
        assert good(by_number)["results"] == page["results"]


async def test_builds_that_come_meanwhile_move_no_page(store: Store, client: httpx.AsyncClient) -> None:
    for number in range(2 * PAGE_SIZE):
        await store.add_build(str(number), is_public=True)
    first = good(await client.get("/v1/builds"))
    await store.add_build("meanwhile", is_public=True)
    second = good(await client.get(first["next"]))
    assert [build["number"] for build in second["results"]] == list(range(PAGE_SIZE, 0, -1))
    assert second["next"] is None
    back = good(await client.get(second["previous"]))
    assert [build["number"] for build in back["results"]] == list(range(2 * PAGE_SIZE, PAGE_SIZE, -1))
    (newest,) = good(await client.get(back["previous"]))["results"]
    assert newest["number"] == 2 * PAGE_SIZE + 1


async def test_a_page_beyond_the_last_is_empty(store: Store, client: httpx.AsyncClient) -> None:
    await store.add_build("1", is_public=True)
    page = good(await client.get("/v1/builds?page=99"))
    assert (page["results"], page["next"], page["count"]) == ([], None, 1)


async def test_the_last_page_that_may_be_asked_for_by_its_number(client: httpx.AsyncClient) -> None:
    assert good(await client.get(f"/v1/builds?page={MAX_PAGE}"))["results"] == []


@pytest.mark.parametrize("page", ["0", "000", "-1", "x", "", "1.5", "1e3", "²", "\uff11", " 1", "+1"])
async def test_a_bad_page_number_is_rejected(client: httpx.AsyncClient, page: str) -> None:
    answer = await client.get("/v1/builds", params={"page": page})
    assert bad(answer, 400) == f"page: {page} is not the number of a page: pages count from 1"


@pytest.mark.parametrize("page", ["501", "9" * 5000])
async def test_a_page_too_far_is_reached_by_links(client: httpx.AsyncClient, page: str) -> None:
    answer = await client.get("/v1/builds", params={"page": page})
    assert bad(answer, 400) == f"page: {page[:20]} is over 500: follow the `next` links beyond"


@pytest.mark.parametrize("name", ["before", "after"])
async def test_a_place_that_no_page_gives_is_empty_or_rejected(
    store: Store, client: httpx.AsyncClient, name: str
) -> None:
    await store.add_build("1", is_public=True)
    end = " " if name == "before" else "~"
    nowhere = good(await client.get("/v1/builds", params={name: end}))
    assert (nowhere["results"], nowhere["next"], nowhere["previous"]) == ([], None, None)
    assert "is not the id of a row" in bad(await client.get("/v1/builds", params={name: "x" * 101}), 400)


@pytest.mark.parametrize(
    "host", ["[::1", "a b", "", "x" * 5000, "é".encode().decode("latin-1"), "h:port", "evil.example.com"]
)
@pytest.mark.parametrize("public_url", [None, "https://ci.example.com/", "https://ci.example.com/bridge"])
async def test_links_never_follow_the_host_header(store: Store, host: str, public_url: str | None) -> None:
    for number in range(PAGE_SIZE + 1):
        await store.add_build(str(number), is_public=True)
    served = api_of(
        store,
        tokens=[],
        keeper=NoRules(no_rules),
        public_url=public_url,
    )
    headers = [(b"host", host.encode("latin-1"))]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://x") as client:
        page = good(await client.get("/v1/builds?namespace=acme", headers=headers))
    base = (public_url or "").rstrip("/")
    assert page["next"].startswith(f"{base}/v1/builds?namespace=acme&before=")


async def test_filters_hold_one_each_and_all_together(store: Store, client: httpx.AsyncClient) -> None:
    first = await store.add_build("1", is_public=True)
    await store.builds.transition(first.id, BuildState.FAILED, NoticePolicy(store.clock))
    await store.add_build("2", is_public=True, namespace="globex")

    async def numbers(query: str) -> list[str]:
        data = good(await client.get(f"/v1/builds?{query}"))
        return [f"{one['namespace']}{one['number']}" for one in data["results"]]

    assert await numbers("namespace=globex") == ["globex1"]
    assert await numbers("state=failed") == ["acme1"]
    assert await numbers(f"build_id={first.id}") == ["acme1"]
    assert await numbers(f"delivery_id={first.origin.delivery_id}") == ["acme1"]
    assert await numbers("status=F") == ["acme1"]
    assert await numbers("status=W&state=failed") == []
    assert await numbers("status=W") == ["globex1"]
    assert await numbers("namespace=%00%ff") == []
    assert await numbers("namespace=acme&repo_name=shop&build_id=1") == ["acme1"]
    assert await numbers("namespace=acme&repo_name=sss/ttt&build_id=2") == []


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("state=%27%20OR%201=1--", "state: ' OR 1=1-- is not waiting"),
        ("state=faild", "state: faild is not known; did you mean failed?"),
        ("statos=failed", "statos: is not known; did you mean status?"),
        ("status=X", "status: X is not W, I, S or F"),
        ("build_id=7", "build_id: 7 is the number of a build: give namespace and repo_name"),
        ("namespace=a&namespace=b", "namespace: is given twice"),
    ],
)
async def test_a_filter_that_there_is_not_is_rejected_with_a_hint(
    client: httpx.AsyncClient, query: str, why: str
) -> None:
    assert bad(await client.get(f"/v1/builds?{query}"), 400).startswith(why)


async def test_without_a_token_only_public_repositories_are_there(
    store: Store, client: httpx.AsyncClient
) -> None:
    public = await store.add_build("1", is_public=True)
    private = await store.add_build("2", repo_name="secret")
    listed = good(await client.get("/v1/builds"))
    assert [build["build_id"] for build in listed["results"]] == [public.id]
    assert listed["count"] == 1
    assert good(await client.get(f"/v1/builds?build_id={private.id}"))["results"] == []
    for path in ("", "/logs"):
        assert good(await client.get(f"/v1/builds/{public.id}{path}")) is not None
        hidden = bad(await client.get(f"/v1/builds/{private.id}{path}"), 404)
        absent = bad(await client.get(f"/v1/builds/no-such-build{path}"), 404)
        assert hidden == absent, "what is private does not seem to exist"
    assert good(await client.get("/v1/builds", headers=TRUSTED))["count"] == 2
    assert good(await client.get(f"/v1/builds/{private.id}", headers=TRUSTED))["repo_name"] == "secret"


@pytest.mark.parametrize(
    "value", [TOKEN, f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN} ", f"Bearer {OTHER}"]
)
async def test_a_token_opens_with_and_without_its_scheme(
    store: Store, client: httpx.AsyncClient, value: str
) -> None:
    build = await store.add_build("1")
    answer = await client.get(f"/v1/builds/{build.id}", headers=[(b"authorization", value.encode())])
    assert good(answer)["build_id"] == build.id


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Basic " + TOKEN,
        TOKEN[:-1],
        TOKEN + "x",
        f"Bearer {TOKEN} x",
        "Bearer \xff\xfe",
    ],
)
async def test_a_wrong_token_is_rejected_everywhere(
    store: Store, client: httpx.AsyncClient, value: str
) -> None:
    build = await store.add_build("1")
    public = await store.add_build("2", is_public=True)
    headers = [(b"authorization", value.encode("latin-1"))]
    for path in (
        "builds",
        f"builds/{build.id}",
        f"builds/{public.id}",
        f"builds/{public.id}/logs",
        f"deliveries/{build.origin.delivery_id}",
    ):
        refused = await client.get(f"/v1/{path}", headers=headers)
        assert "not one of api.tokens" in bad(refused, 401)
        assert refused.headers["www-authenticate"] == "Bearer"


async def test_what_is_not_public_needs_a_token(client: httpx.AsyncClient) -> None:
    refused = await client.get("/v1/deliveries/x", headers={"authorization": ""})
    assert "needs a token" in bad(refused, 401)
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_without_configured_tokens_no_one_is_trusted(store: Store) -> None:
    served = api_of(store, tokens=[], keeper=NoRules(no_rules))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://x") as client:
        for value in ("", "Bearer ", "x"):
            bad(await client.get("/v1/deliveries/x", headers={"authorization": value}), 401)


async def test_a_build_reports_its_whole_story(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build("1", is_public=True, version_tagging=2)
    store.clock.advance(0.25)
    await store.builds.transition(
        build.id, BuildState.FAILED, NoticePolicy(store.clock), detail="rejected: no"
    )
    document = good(await client.get(f"/v1/builds/{build.id}"))
    assert (document["status"], document["state"], document["detail"]) == ("F", "failed", "rejected: no")
    assert (document["docker_repo_path"], document["docker_repo_tag"]) == ("acme/shop", "latest")
    assert document["docker_repo_version_tag"] == document["code_head_commit"]
    assert (document["created_by"], document["auto_created"]) == ("Ann", True)
    assert [(step["at"], step["what"]) for step in document["timeline"]] == [
        ("2023-11-14T22:13:20.000Z", "waiting"),
        ("2023-11-14T22:13:20.250Z", "failed"),
    ]


async def test_a_build_says_when_it_was_made_began_and_ended(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build("1", is_public=True)
    times = {"created_at": store.clock()}
    await store.builds.transition(build.id, BuildState.TRIGGERING, NoticePolicy(store.clock))
    store.clock.advance(60)
    times["started_at"] = store.clock()
    began = BuildChange(started_at=store.clock())
    await store.builds.transition(build.id, BuildState.RUNNING, NoticePolicy(store.clock), **began)
    store.clock.advance(60)
    times["ended_at"] = store.clock()
    ended = BuildChange(ended_at=store.clock())
    await store.builds.transition(build.id, BuildState.FAILED, NoticePolicy(store.clock), **ended)
    document = good(await client.get(f"/v1/builds/{build.id}"))
    assert {name: document[name] for name in times} == {name: when(at) for name, at in times.items()}


async def test_a_log_is_read_by_place_and_by_time(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build("1", is_public=True)
    for number in range(3):
        await store.builds.append_log(build.id, f"line {number}\n", number, restarted=False)
        store.clock.advance(10)

    async def texts(**query: object) -> list[str]:
        answer = await client.get(f"/v1/builds/{build.id}/logs", params={k: str(v) for k, v in query.items()})
        return [row["message"].strip()[-1] for row in good(answer)]

    assert await texts() == ["0", "1", "2"]
    assert await texts(after=0) == ["1", "2"]
    assert await texts(start_time=START + 5, end_time=START + 15) == ["1"]


@pytest.mark.parametrize("name", ["start_time", "end_time", "after"])
@pytest.mark.parametrize(
    "value",
    [
        "x",
        "",
        "nan",
        "inf",
        "-inf",
        "1e13",
        "1e999",
        "9" * 13,
        "9" * 5000,
        "1_0",
        "\uff11",
        "²",
        " 1",
        "0x1",
        "1.",
    ],
)
async def test_a_bad_number_is_rejected(
    store: Store, client: httpx.AsyncClient, name: str, value: str
) -> None:
    build = await store.add_build("1", is_public=True)
    answer = await client.get(f"/v1/builds/{build.id}/logs", params={name: value})
    assert "is not a usable number" in bad(answer, 400)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/repositories"])
async def test_what_can_be_read_can_be_asked_for_without_its_body(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.head(path)
    assert answer.status_code == (await client.get(path)).status_code == 200
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        bad(await client.request(method, path), 405)


async def test_the_end_of_a_very_long_log_can_be_asked_for(store: Store, client: httpx.AsyncClient) -> None:
    build = await store.add_build("1", is_public=True)
    for number in range(1005):
        await store.builds.append_log(build.id, f"{number}\n", number, restarted=False)
        store.clock.advance(1)
    late = good(await client.get(f"/v1/builds/{build.id}/logs?start_time={START + 1003}"))
    assert [row["message"] for row in late] == ["1003\n", "1004\n"]


async def test_a_delivery_says_why(store: Store, client: httpx.AsyncClient) -> None:
    delivery = delivery_of("k", store.clock(), body=b"the body is not shown")
    await store.deliveries.put(delivery)
    why = Decision(state=DeliveryState.IGNORED, detail="a ping", explanation=[{"event": "ping"}])
    await store.deliveries.record_decision(delivery.id, why, quiet, plan)
    answer = await client.get(f"/v1/deliveries/{delivery.id}", headers=TRUSTED)
    document = good(answer)
    assert (document["state"], document["detail"], document["size"]) == ("ignored", "a ping", 21)
    assert document["explanation"] == [{"event": "ping"}]
    assert document["builds"] == []
    assert "the body" not in answer.text
    bad(await client.get("/v1/deliveries/none", headers=TRUSTED), 404)


async def test_what_there_is_not_is_reported_in_the_envelope(client: httpx.AsyncClient) -> None:
    bad(await client.get("/v1/nothing"), 404)
    bad(await client.get("/v2"), 404)
    refused = await client.post("/v1/repositories")
    bad(refused, 405)
    assert "GET" in refused.headers["allow"]


async def test_what_strangers_wrote_is_shown_as_they_wrote_it(
    store: Store, client: httpx.AsyncClient
) -> None:
    name = "<script>陶\x00\u202e"
    build = await store.add_build("1", is_public=True, author=Person(name))
    assert good(await client.get(f"/v1/builds/{build.id}"))["created_by"] == name


@pytest.mark.parametrize("path", ["/v1/builds/x/logs?run=", "/v3/jobs/x/history?offset="])
@pytest.mark.parametrize("number", ["1.0", "1_0", "%201", "%2B1"])
async def test_a_whole_number_is_written_in_digits(client: httpx.AsyncClient, path: str, number: str) -> None:
    answer = await client.get(path + number, headers=TRUSTED)
    assert answer.status_code == 400
    assert "is not a whole number: write digits only" in answer.text
