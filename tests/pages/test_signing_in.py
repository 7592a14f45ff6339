"""Signing in and out in a real browser, with scripts and without, and what another site can do to it."""

import re

import pytest
from playwright.async_api import Browser, Page, expect
from support.browser import reading
from support.seen import Seen

OTHERS = ("http://127.0.0.1:1/", "http://evil.example.com/")
"""A page of another port, which gets our cookies, and one of another site."""


async def sign_in(page: Page, token: str) -> None:
    await page.get_by_label("Token", exact=True).fill(token)
    await page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("with_scripts", [True, False], ids=["scripts", "none"])
async def test_an_admin_signs_in_makes_a_token_revokes_it_and_signs_out(
    browser: Browser, site: Seen, *, with_scripts: bool
) -> None:
    options = {"locale": "en", "java_script_enabled": with_scripts}
    async with reading(browser, site.daemon.url, **options) as (page, faults):
        await page.goto("/admin/audit")
        await expect(page).to_have_url(re.compile(r"/sign-in\?next=%2Fadmin%2Faudit$"))
        await sign_in(page, "not-a-token")
        await expect(page.get_by_role("alert")).to_contain_text("You are not signed in:")
        await sign_in(page, f"\n{site.tokens['admin']}\n")
        await expect(page).to_have_url(re.compile("/admin/audit$"))
        await page.get_by_role("link", name="Tokens").click()
        name = f"made-with-{'scripts' if with_scripts else 'none'}"
        await page.get_by_label("Name", exact=True).fill(name)
        await page.get_by_role("button", name="Make the token").click()
        made = await page.locator("#secret").inner_text()
        await page.get_by_role("link", name="To the list of tokens").click()
        assert made not in await page.content()
        async with reading(browser, site.daemon.url, locale="en") as (other, _):
            await other.goto("/sign-in")
            await sign_in(other, made)
            await other.goto("/account")
            await expect(other.locator("main")).to_contain_text("viewer")
            await page.get_by_role("link", name=name).click()
            await page.get_by_role("button", name="Revoke the token").click()
            await expect(page.get_by_text("The token is revoked.")).to_be_visible()
            await other.goto("/account")
            await expect(other).to_have_url(re.compile("/sign-in"))
        await page.goto("/account")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_text("You have signed out.")).to_be_visible()
        await page.goto("/account")
        await expect(page).to_have_url(re.compile("/sign-in"))
    assert [one for one in faults.found if "status of 401" not in one] == []


@pytest.mark.parametrize("address", OTHERS)
async def test_another_site_cannot_sign_a_reader_out_or_make_a_token(
    browser: Browser, site: Seen, address: str
) -> None:
    async with reading(browser, site.daemon.url, locale="en") as (page, _):
        await page.goto("/sign-in?next=/account")
        await sign_in(page, site.tokens["admin"])
        forms = "".join(
            f'<form method="post" action="{site.daemon.url}{path}" target="_blank">'
            '<input name="name" value="stolen"><input name="role" value="admin">'
            '<input name="once" value="x"><button>go</button></form>'
            for path in ("/sign-out", "/admin/tokens")
        )
        await page.route(f"{address}*", lambda route: route.fulfill(body=forms, content_type="text/html"))
        await page.goto(address)
        for index in range(2):
            async with page.context.expect_page() as opened:
                await page.get_by_role("button").nth(index).click()
            attacked = await opened.value
            # To another site, the browser does not even give the cookie.
            said = re.compile("this request comes from another site|You are signed in as")
            await expect(attacked.locator("main")).to_contain_text(said)
        await page.goto("/account")
        await expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert "stolen" not in [one["name"] for one in site.daemon.api("/v1/tokens")]


async def test_times_stay_those_of_the_server_where_a_reader_wants_that(browser: Browser, site: Seen) -> None:
    options = {"locale": "en", "timezone_id": "Pacific/Kiritimati"}
    async with reading(browser, site.daemon.url, **options) as (page, _):
        await page.goto("/sign-in?next=/account")
        await sign_in(page, site.tokens["viewer"])
        shown = page.locator("main time").first
        at_home = await shown.inner_text()
        await page.get_by_label("in the zone of the server").check()
        await page.locator("fieldset", has_text="Times").get_by_role("button").click()
        await expect(page.locator("body")).to_have_attribute("data-times", "server")
        assert await shown.inner_text() != at_home
