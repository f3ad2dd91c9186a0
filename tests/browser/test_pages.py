"""Every page of a tenant: in both schemes, narrow and wide, without a fault of accessibility."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import NewPage, sign_in
from tests.browser.paths import PATHS
from tests.support import RunningPlatform


@pytest.mark.parametrize(("color_scheme", "width"), [("light", 1440), ("dark", 360)])
def test_pages_are_accessible_and_fit_the_window(
    new_page: NewPage, running_platform: RunningPlatform, password: str, color_scheme: str, width: int
) -> None:
    page = new_page(color_scheme=color_scheme, width=width, bypass_csp=True)  # the checker is a script of its own
    sign_in(page, running_platform, password)
    axe, faults = Axe(), []

    for path in PATHS:
        answer = page.goto(f"{running_platform.dashboard_url}/{path}")
        assert answer is not None
        assert answer.status == 200, path
        found = axe.run(page)
        faults += [f"{path}: {one['id']}: {one['nodes'][0]['html'][:120]}" for one in found.response["violations"]]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            faults.append(f"{path}: wider than the window")

    assert not faults


def test_a_page_weighs_little_and_paints_soon(
    new_page: NewPage, running_platform: RunningPlatform, password: str
) -> None:
    page = new_page()
    sign_in(page, running_platform, password)
    sizes: list[int] = []
    page.on("response", lambda answer: sizes.append(len(answer.body())))

    page.goto(f"{running_platform.dashboard_url}/tenants/demo/endpoints/demo/")

    assert sum(sizes) < 200_000


def test_one_goes_anywhere_by_keyboard(new_page: NewPage, running_platform: RunningPlatform, password: str) -> None:
    page = new_page()
    sign_in(page, running_platform, password)

    page.keyboard.press("Control+k")
    page.get_by_role("combobox").wait_for()
    page.keyboard.type("audit")
    page.get_by_role("option", name="Audit record").and_(page.locator("[aria-selected=true]")).wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/audit/")
    page.keyboard.press("Control+k")
    page.keyboard.type("demo")
    page.get_by_role("option", name="demo server").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_url("**/endpoints/demo/")


def test_calls_appear_as_they_happen(new_page: NewPage, running_platform: RunningPlatform, password: str) -> None:
    watching = new_page()
    sign_in(watching, running_platform, password)
    watching.goto(f"{running_platform.dashboard_url}/tenants/demo/calls/")
    watching.get_by_text("Live: new calls appear on top.").wait_for()
    trying = watching.context.new_page()
    trying.goto(f"{running_platform.dashboard_url}/tenants/demo/endpoints/demo/try/")
    trying.get_by_role("button", name="add", exact=True).click()
    trying.get_by_label("a", exact=True).fill("2")
    trying.get_by_label("b", exact=True).fill("3")
    trying.get_by_role("button", name="Call", exact=True).click()
    trying.get_by_text("Answered, in").wait_for()

    watching.bring_to_front()

    row = watching.get_by_role("row").filter(has_text="tools/call").filter(has_text="add").first
    row.wait_for()
    watching.get_by_role("button", name="Pause").click()
    watching.get_by_text("Paused.").wait_for()
