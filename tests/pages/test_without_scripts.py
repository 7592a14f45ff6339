"""A browser that runs no scripts: every page answers its question, and every action works."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect
from support.browser import reading
from support.seen import Seen, seen


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """One of its own, for what these tests do stays done."""
    with seen(tmp_path_factory.mktemp("changing")) as running:
        yield running


@pytest.fixture
async def page(browser: Browser, changing: Seen) -> AsyncIterator[Page]:
    """An admin who has signed in."""
    async with reading(browser, changing.daemon.url, locale="en", java_script_enabled=False) as (
        opened,
        faults,
    ):
        await opened.goto("/builds")
        await opened.locator("header").get_by_role("link", name="Sign in").click()
        await opened.get_by_label("Token", exact=True).fill(changing.tokens["admin"])
        await opened.get_by_role("button", name="Sign in").click()
        await opened.wait_for_url("**/builds")
        yield opened
    assert [one for one in faults.found if not one.startswith("console")] == []


async def press(page: Page, name: str) -> None:
    await page.locator("main").get_by_role("button", name=name).first.click()


async def says(page: Page, text: str | re.Pattern[str]) -> None:
    await expect(page.locator("main").get_by_text(text).first).to_be_visible()


async def test_builds_are_found_retried_cancelled_and_resolved(page: Page, changing: Seen) -> None:
    await page.get_by_label("State").select_option("failed")
    await press(page, "Filter")
    await page.locator(f"#build-{changing.ids['build_web']}").get_by_role("link").first.click()
    await says(page, "The build failed.")
    await page.get_by_role("searchbox").fill("dummy builder")
    await page.get_by_role("search").get_by_role("button").click()
    await says(page, "1 line")
    await press(page, "Build again")
    await says(page, "this is its new run")
    await page.goto(changing.fill("/builds/{build_slow}"))
    await press(page, "Cancel the build")
    # It may have ended before the page is made, which then says that, and not what was asked for.
    await says(page, re.compile("asked to end the build|cancelled by"))
    await page.goto(changing.fill("/builds/{build_lost}"))
    await page.get_by_label("How you know it").fill("looked at the registry")
    await press(page, "Note it")
    await says(page, "is noted")
    await says(page, "succeeded")


async def test_deliveries_say_why_and_are_evaluated_again_one_and_several(page: Page, changing: Seen) -> None:
    await page.goto("/deliveries")
    row = page.locator(f"#delivery-{changing.ids['delivery_ignored']}")
    await expect(row).to_contain_text("\ufffdtxt.exe\ufffd")
    await expect(row).to_contain_text("No rule wants the branch")
    await row.get_by_role("checkbox").check()
    await page.locator(f"#delivery-{changing.ids['delivery_strange']}").get_by_role("checkbox").check()
    await press(page, "Evaluate the chosen ones again")
    await says(page, "2 deliveries are to be evaluated again")
    await press(page, "Evaluate 2 again")
    await says(page, "these are the newest rows")
    await page.goto(changing.fill("/deliveries/{delivery_shop}"))
    await press(page, "Evaluate again")
    await says(page, "This is the new delivery")


async def test_notices_are_sent_once_more_and_dropped(page: Page, changing: Seen) -> None:
    await page.goto("/notices?channel=message&state=sent")
    await page.get_by_role("checkbox").first.check()
    await press(page, "Send the chosen once more")
    await press(page, "Send 1 once more")
    await says(page, "1 sent once more.")
    await page.goto("/notices?channel=team&state=pending")
    await page.get_by_role("checkbox").first.check()
    await press(page, "Drop the chosen")
    await press(page, "Drop 1")
    await says(page, "1 dropped.")


async def test_a_branch_is_built_and_a_repository_disabled_and_enabled(page: Page) -> None:
    await page.goto("/repositories/acme/never")
    await page.get_by_label("Name").fill("main")
    await page.get_by_label("Commit", exact=True).fill("5" * 40)
    await press(page, "Build now")
    await expect(page.locator("h1")).to_contain_text("acme/never #1")
    await page.goto("/repositories/acme/never")
    await press(page, "Disable")
    await says(page, "Disabled")
    await press(page, "Enable")
    await says(page, "Enabled")


async def test_a_token_is_made_shown_once_and_revoked(page: Page) -> None:
    await page.goto("/admin/tokens")
    await page.get_by_label("Name", exact=True).fill("a script")
    await press(page, "Make the token")
    await says(page, "shown only now")
    made = await page.locator("main code").first.text_content()
    assert made
    assert made.count(".") == 2
    await page.goto("/admin/tokens")
    assert made not in await page.content()
    await page.get_by_role("link", name="a script").click()
    await press(page, "Revoke the token")
    await says(page, "The token is revoked.")
    await page.goto("/admin/audit")
    await says(page, "the admin")


async def test_rules_are_tested_with_an_invented_push(page: Page) -> None:
    await page.goto("/rules/test")
    await page.get_by_label("Git host").select_option("Simple")
    await page.get_by_label("Repository", exact=True).fill("https://git.example.com/acme/shop.git")
    await page.get_by_label("Branch or tag", exact=True).fill("main")
    await press(page, "Test")
    await says(page, "Would trigger: 1 build")


async def test_the_language_is_chosen_and_a_reader_signs_out(page: Page, tmp_path: Path) -> None:
    await page.get_by_role("button", name="中文").click()
    await expect(page.locator("h1")).to_have_text("构建")
    await page.get_by_role("button", name="English").click()
    await page.goto("/account")
    await press(page, "Sign out")
    await page.goto("/admin/tokens")
    await expect(page.locator("h1")).to_have_text("Sign in")
