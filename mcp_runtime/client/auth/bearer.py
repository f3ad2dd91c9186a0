"""A token that is known already."""

from __future__ import annotations

from collections.abc import Generator

import httpx2

__all__ = ("BearerAuth",)


class BearerAuth(httpx2.Auth):
    """Sends `Authorization: Bearer <token>`."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __repr__(self) -> str:
        return "BearerAuth(…)"

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request
