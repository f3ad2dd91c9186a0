"""An API for the tests: it answers with what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2

__all__ = ("Api", "document", "operation")


class Api:
    """Answers every request with the `answer` given, or with what it was asked; keeps the requests."""

    def __init__(self, answer: Callable[[httpx2.Request], httpx2.Response] | None = None) -> None:
        self.requests: list[httpx2.Request] = []
        self._answer = answer or self._echo

    @property
    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            transport=httpx2.MockTransport(self._received),
            base_url="https://api.example/v1",
            headers={"authorization": "Bearer of-the-server"},
        )

    @property
    def target(self) -> str:
        """The last request's path and query, as they were sent."""
        return self.requests[-1].url.raw_path.decode()

    @property
    def body(self) -> Any:
        return json.loads(self.requests[-1].content)

    def _received(self, request: httpx2.Request) -> httpx2.Response:
        request.read()
        self.requests.append(request)
        return self._answer(request)

    @staticmethod
    def _echo(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, json={"path": request.url.raw_path.decode()})


def document(paths: dict[str, Any], *, version: str = "3.1.0", **more: Any) -> dict[str, Any]:
    """A document of these paths."""
    return {"openapi": version, "info": {"title": "Test", "version": "1"}, "paths": paths, **more}


def operation(path: str, *parameters: dict[str, Any], method: str = "get", **more: Any) -> dict[str, Any]:
    """A document of one operation, called `op`."""
    return document({path: {method: {"operationId": "op", "parameters": list(parameters), "responses": {}, **more}}})
