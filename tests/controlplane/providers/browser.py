"""A browser without a window that signs in by a provider's button instead of a password."""

from __future__ import annotations

import html
import re
from urllib.parse import urljoin, urlsplit

import httpx2

from tests.controlplane.issuer.house import House, _hidden_fields, _title


class ProviderBrowser:
    """As `house.Browser`, with the provider in the middle: it follows redirects there and back, and presses buttons."""

    def __init__(self, house: House, provider: str) -> None:
        self._house = house
        self._hosts = {urlsplit(house.url).netloc, urlsplit(provider).netloc}
        self._http = httpx2.Client(verify=False, timeout=30)
        self.pages: list[str] = []
        """The titles it was shown."""

    def close(self) -> None:
        self._http.close()

    def sign_out(self) -> None:
        """As closing the window does."""
        self._http.cookies.clear()

    def log_in(self, authorization_url: str, button: str = "Acme ID", decision: str = "allow") -> str:
        """The address at which the client gets its answer."""
        url, answer = authorization_url, self._http.get(authorization_url)
        for _ in range(15):
            if answer.is_redirect:
                url = urljoin(url, answer.headers["location"])
                if urlsplit(url).netloc not in self._hosts:
                    return url
                answer = self._http.get(url)
                continue
            assert answer.status_code == 200, answer.text
            self.pages.append(_title(answer.text))
            pressed = re.search(rf'<a class="button" href="([^"]+)">Sign in with {re.escape(button)}</a>', answer.text)
            if pressed:
                url = urljoin(url, html.unescape(pressed[1]))
                answer = self._http.get(url)
                continue
            fields = {**_hidden_fields(answer.text), "decision": decision}
            answer = self._http.post(url, data=fields, headers={"origin": self._house.url})
        raise AssertionError(f"The login went in circles: {self.pages}")
