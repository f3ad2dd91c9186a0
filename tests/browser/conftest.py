"""A real Chromium in front of a platform that runs. Where none is installed these tests are not collected.

On Debian: `apt install chromium`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import CHROMIUM, chromium
from tests.browser.newcomer import PASSWORD
from tests.support import RunningPlatform
from tests.support.platform import clean_environment

STOA = str(Path(sys.executable).parent / "stoa")
OWNER = "owner@demo.localhost"

collect_ignore_glob = [] if CHROMIUM else ["test_*.py"]

NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Ended with the module: its event loop must not meet those of asynchronous tests."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def owner_s_link(running_platform: RunningPlatform) -> str:
    """Where the demo's owner sets a password."""
    ended = subprocess.run(
        [STOA, "manage", "password_link", OWNER],
        env={**clean_environment(), "STOA_HOME": str(running_platform.home)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return next(word for word in ended.stdout.split() if word.startswith("http"))


@pytest.fixture
def new_page(browser: Browser) -> Iterator[NewPage]:
    """`new_page(color_scheme="dark", width=360)`: in a profile of its own. Fails on any script error."""
    contexts, faults = [], []

    def make(*, color_scheme: str = "light", width: int = 1280, **options: object) -> Page:
        context = browser.new_context(
            color_scheme=color_scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": 900},
            **options,  # type: ignore[arg-type]
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield make
    for context in contexts:
        context.close()
    assert not faults


@pytest.fixture(scope="module")
def password(browser: Browser, owner_s_link: str) -> str:
    """The demo's owner has one: set in the browser, through the link."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(owner_s_link)
    for field in page.locator("input[type=password]").all():
        field.fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    page.wait_for_url("**/login/**")
    context.close()
    return PASSWORD


def sign_in(page: Page, platform: RunningPlatform, password: str) -> None:
    page.goto(f"{platform.dashboard_url}/login/")
    page.get_by_label("E-mail address").fill(OWNER)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/tenants/demo/**")
