"""Every page of a tenant: in both schemes, narrow and wide, without a fault of accessibility."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

from controlplane.dashboard.navigation import NAVIGATION
from tests.browser.conftest import NewPage, sign_in
from tests.support import RunningPlatform

MENU = [f"{entry.group}/" if entry.group != "servers" else "" for entry in NAVIGATION if entry.in_menu]
BELOW = [
    "servers/+/",
    "servers/+/remote/",
    "servers/+/login/",
    "servers/+/api/",
    "servers/+/static/",
    "programs/",
    "settings/security/",
    "servers/demo/",
    "endpoints/demo/",
    "endpoints/demo/connect/",
    "endpoints/demo/try/",
    "endpoints/demo/versions/1/",
]


@pytest.mark.parametrize(("color_scheme", "width"), [("light", 1440), ("dark", 360)])
def test_pages_are_accessible_and_fit_the_window(
    new_page: NewPage, running_platform: RunningPlatform, password: str, color_scheme: str, width: int
) -> None:
    page = new_page(color_scheme=color_scheme, width=width, bypass_csp=True)  # the checker is a script of its own
    sign_in(page, running_platform, password)
    axe, faults = Axe(), []

    for path in [*MENU, *BELOW]:
        answer = page.goto(f"{running_platform.dashboard_url}/tenants/demo/{path}")
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
