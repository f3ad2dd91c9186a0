"""Tools are tried in a real browser. The newcomer's whole way is `tests/house/test_first_start.py`."""

from __future__ import annotations

from tests.browser.conftest import NewPage, sign_in
from tests.support import RunningPlatform


def test_a_tool_is_tried_in_the_page(new_page: NewPage, running_platform: RunningPlatform, password: str) -> None:
    page = new_page()
    sign_in(page, running_platform, password)

    page.goto(f"{running_platform.dashboard_url}/tenants/demo/endpoints/demo/try/")
    page.get_by_role("button", name="add", exact=True).click()
    page.get_by_label("a", exact=True).fill("2")
    page.get_by_label("b", exact=True).fill("40")
    page.get_by_role("button", name="Call", exact=True).click()

    page.get_by_text("Answered, in").wait_for()
    assert page.locator("#answer pre").first.inner_text() == "42"
    assert '\'{"jsonrpc"' in (page.locator("#curl").text_content() or "")


def test_a_long_tool_shows_its_progress_and_is_stopped(
    new_page: NewPage, running_platform: RunningPlatform, password: str
) -> None:
    page = new_page()
    sign_in(page, running_platform, password)

    page.goto(f"{running_platform.dashboard_url}/tenants/demo/endpoints/demo/try/")
    page.get_by_role("button", name="count", exact=True).click()
    page.get_by_label("to (optional)", exact=True).fill("100")
    page.get_by_label("seconds (optional)", exact=True).fill("1")
    page.get_by_role("button", name="Call", exact=True).click()
    page.locator("progress[value]").wait_for()
    page.get_by_role("button", name="Stop").click()

    page.get_by_text("Stopped.").wait_for()
