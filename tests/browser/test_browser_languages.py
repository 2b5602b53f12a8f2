"""The page in another language: chosen in the bar, kept, and the scripts with it."""

from __future__ import annotations

import re

from browser_pages import Served, Watched, axe_faults, ready
from playwright.sync_api import Browser, expect


def test_there_and_back(watched: Watched, served: Served) -> None:
    """The switch stays on the page with its search, the next page has the same language, and English comes back."""
    page = watched.page
    address = f"{served.url}/c/photographs/items?filter=width+%3E+1"
    page.goto(address)
    page.get_by_role("button", name="中文").click()
    expect(page).to_have_url(address)
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    expect(page.locator(".skip")).to_contain_text(re.compile(r"[\u4e00-\u9fff]"))
    assert axe_faults(page, "items in Chinese") == {}

    page.goto(f"{served.url}/c/photographs")
    ready(page)
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    switch = page.locator("theme-switch button")
    switch.click()
    expect(switch).to_have_attribute("aria-label", re.compile(r"[\u4e00-\u9fff]"))

    page.get_by_role("button", name="English").click()
    expect(page).to_have_url(f"{served.url}/c/photographs")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator(".skip")).to_have_text("Skip to the content")


def test_the_browsers_own_language(browser: Browser, served: Served) -> None:
    """Who asks for Chinese reads Chinese at once, without scripts too, and may choose otherwise."""
    context = browser.new_context(locale="zh-CN", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{served.url}/jobs")
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    page.get_by_role("button", name="English").click()
    expect(page).to_have_url(f"{served.url}/jobs")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    context.close()
