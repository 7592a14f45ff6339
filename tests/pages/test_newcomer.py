"""Who asks why a push built nothing gets to the failed condition in two clicks, and repairs the rule."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect
from support.browser import reading
from support.seen import Seen
from support.waiting import eventually


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
async def member(request: pytest.FixtureRequest, browser: Browser, site: Seen) -> AsyncIterator[Page]:
    """A member's window; nothing may go wrong in it."""
    headers = {"authorization": f"Bearer {site.tokens['member']}"}
    options = {"java_script_enabled": request.param, "extra_http_headers": headers, "locale": "en"}
    async with reading(browser, site.daemon.url, **options) as (page, faults):
        yield page
        assert faults.found == []


async def test_a_push_that_did_nothing_is_understood_and_its_rule_repaired(member: Page, site: Seen) -> None:
    delivery_id = site.ids["delivery_ignored"]
    await member.goto("/")
    await member.get_by_role("link", name="Deliveries", exact=True).click()
    row = member.locator(f"#delivery-{delivery_id}")
    await expect(row).to_contain_text("No rule wants the branch dev-")
    await expect(row).to_contain_text("acme/shop builds: branch main, tags v*")
    await row.get_by_role("link").click()
    condition = member.locator(".decisions li li").first
    await expect(condition).to_contain_text("entry 1 (branch main → latest) does not build: dev-")
    await expect(member.locator(".place").first).to_contain_text("rules/shop.yaml:")
    await member.get_by_role("link", name="Open in the rule tester").click()
    rules = member.get_by_label("Rules (YAML)")
    written = await rules.input_value()
    assert "code_repo_type_value: main" in written
    await expect(member.locator("#result")).to_contain_text("Would trigger no build")
    await member.get_by_label("Rules (YAML)").fill(written.replace("_value: main", "_value: dev-**"))
    await member.get_by_role("button", name="Test", exact=True).first.click()
    await expect(member.locator("#result")).to_contain_text("Would trigger: 1 build")
    await member.get_by_label("Rules (YAML)").fill(
        written.replace("docker_repo_tag: latest", "docker_repo_tag: a b")
    )
    await member.get_by_role("button", name="Test", exact=True).first.click()
    await expect(member.get_by_role("alert")).to_contain_text("1 fault in the rules")
    await expect(member.get_by_role("alert")).to_contain_text("docker_repo_tag: a b")


async def test_what_is_chosen_is_counted_confirmed_and_evaluated_again(member: Page, site: Seen) -> None:
    await member.goto("/deliveries?ref=main&state=ignored")
    before = await member.locator("#rows tr[id]").count()
    await member.locator("#rows input[type=checkbox]").first.check()
    await member.get_by_role("button", name="Evaluate the chosen ones again").click()
    await expect(member.locator("main")).to_contain_text("1 delivery is to be evaluated again")
    await member.get_by_role("button", name="Evaluate 1 again").click()
    await expect(member.get_by_role("status").last).to_contain_text("What you chose is evaluated again")
    # Until it is evaluated, it is not among the ignored ones.
    eventually(lambda: not site.daemon.api("/v1/deliveries?state=stored")["results"])
    await member.goto("/deliveries?ref=main&state=ignored")
    await expect(member.locator("#rows tr[id]")).to_have_count(before + 1)
    assert site.daemon.url in member.url
