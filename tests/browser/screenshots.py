"""Pictures of the dashboard: `make screenshots` takes them on a platform of its own, for people to look at.

The steps of the quickstart, and each page of the demo in both colour schemes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import Page

from tests.browser.chromium import CHROMIUM, chromium
from tests.browser.newcomer import from_link_to_call
from tests.browser.paths import PATHS
from tests.support import platform
from tests.support.platform import temporary_home

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WIDTH, HEIGHT = 1280, 800


def main() -> int:
    if CHROMIUM is None:
        print(
            "Pictures are taken by Chromium, which is not installed. On Debian: apt install chromium", file=sys.stderr
        )
        return 1
    with temporary_home() as home, platform(home) as running, chromium() as browser:
        welcome = next(word for word in running.log.read_text().split() if "/welcome/" in word)
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        from_link_to_call(page, welcome, running.api_key, lambda page, name: taken(page, f"quickstart/{name}"))
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for path in PATHS:
                page.goto(f"{running.dashboard_url}/{path}")
                name = path.removeprefix("tenants/demo/").strip("/").replace("/", "-").replace("+", "add")
                taken(page, f"pages/{name or 'servers'}-{scheme}")
    print(f"Taken: {len(list(IMAGES.rglob('*.png')))} pictures in {IMAGES.relative_to(Path.cwd())}.")
    return 0


def taken(page: Page, name: str) -> None:
    file = IMAGES / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    page.wait_for_load_state("networkidle")
    page.evaluate("scrollTo(0, 0)")
    page.screenshot(path=file)


if __name__ == "__main__":
    sys.exit(main())
