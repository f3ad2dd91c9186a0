"""A server whose every string is an attack is deployed, called and looked at: nothing of it ever runs in a page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import ConsoleMessage, Dialog, Page

from tests.browser.conftest import NewPage, sign_in
from tests.browser.newcomer import BUILD_MS
from tests.browser.paths import BELOW, MENU
from tests.support import RunningPlatform

SERVER = Path(__file__).with_name("hostile.py")
WATCH = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`refused by the policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
});
"""
TOOLS = ("texts", "fails", "tells", "shows")


def test_no_string_of_a_server_runs_on_any_page(
    new_page: NewPage, running_platform: RunningPlatform, password: str
) -> None:
    page = new_page()
    faults: list[str] = []
    page.add_init_script(WATCH)

    def heard(said: ConsoleMessage) -> None:
        if "policy" in said.text:
            faults.append(f"{page.url}: {said.text}")

    def asked(dialog: Dialog) -> None:
        faults.append(f"{page.url}: {dialog.message}")
        dialog.dismiss()

    page.on("console", heard)
    page.on("dialog", asked)
    sign_in(page, running_platform, password)
    tenant = f"{running_platform.dashboard_url}/tenants/demo/"

    page.goto(f"{tenant}servers/+/")
    page.get_by_label("Name").fill("hostile")
    page.get_by_label("Or paste Python").fill(SERVER.read_text())
    page.get_by_role("button", name="Deploy").click()
    page.locator(".status-active").wait_for(timeout=BUILD_MS)
    assert page.get_by_text("<img src=x").first.is_visible()

    page.goto(f"{tenant}endpoints/hostile/try/")
    for tool in TOOLS:
        _call(page, tool)
        assert "onerror" in (page.locator("#answer").text_content() or ""), tool
        faults += _ran(page)

    for path in [*MENU, *(path.replace("/demo/", "/hostile/") for path in BELOW)]:
        answer = page.goto(tenant + path)
        assert answer is not None
        assert answer.status == 200, path
        page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
        faults += _ran(page)

    assert not faults


def _call(page: Page, tool: str) -> None:
    page.get_by_role("button", name=tool, exact=True).click()
    page.get_by_role("button", name="Call", exact=True).click()
    page.locator("#answer > p:first-child").wait_for()


def _ran(page: Page) -> list[str]:
    ran = page.evaluate("window.pwned")
    foreign = page.evaluate("[...document.querySelectorAll('img[src=x], a[href^=javascript]')].length")
    return [f"{page.url}: ran {ran}, {foreign} elements"] if ran or foreign else []
