"""Clients that start tasks and look at them until they are over, through whatever happens to the platform."""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.faults.tasks.checker import OVER
from tests.faults.tasks.history import Accepted, GaveUp, History, Seen, Unknown

META = "io.modelcontextprotocol/"
VERSION = "2026-07-28"
REQUEST_SECONDS = 10.0
"""Of silence; then a client asks again, on another connection."""
POLL_SECONDS = 0.5
PATIENCE_SECONDS = 300.0
"""How long a client waits for a task beyond the time that its steps take."""
INVALID_PARAMS = -32602


class Unanswered(Exception):
    """No answer, or one that says no more than that there is none now."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What a tool of `servers/steps.py` is called with."""

    tool: str
    steps: int
    pause: float

    @property
    def seconds(self) -> float:
        return self.steps * self.pause


class Clients:
    """A stream of tasks, so many at a time."""

    def __init__(self, url: str, api_key: str, history: History, random: random.Random) -> None:
        self._url = url
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": VERSION,
        }
        self._history = history
        self._random = random
        self._keys = itertools.count(1)
        self._ids = itertools.count(1)

    async def stream(self, walk: Walk, until: asyncio.Event) -> None:
        """One task after the other, until there is no need of more."""
        while not until.is_set():
            await self.one(walk)

    async def accepted(self, walk: Walk) -> None:
        """As `one`, called until the platform takes it."""
        while await self.one(walk) is None:
            pass

    async def one(self, walk: Walk) -> str | None:
        """A task from its call to its end; None where the platform did not say that it took it."""
        key = f"{walk.tool}-{next(self._keys)}"
        arguments = {"key": key, "steps": walk.steps, "pause": walk.pause}
        async with httpx2.AsyncClient(headers=self._headers, timeout=REQUEST_SECONDS) as http:
            try:
                made = await self._ask(http, "tools/call", walk.tool, {"name": walk.tool, "arguments": arguments})
                task: str = made["result"]["taskId"]
            except Unanswered:
                await asyncio.sleep(POLL_SECONDS)
                return None
        self._history.add(Accepted(self._history.now(), task, key, "again" if walk.tool == "again" else "once"))
        await self._follow(task, walk.seconds + PATIENCE_SECONDS)
        return task

    async def _follow(self, task: str, seconds: float) -> None:
        """Look until it is over, and twice more: what is over stays as it is."""
        deadline = self._history.now() + seconds
        looks_after_the_end = 0
        while looks_after_the_end < 3:
            if self._history.now() > deadline:
                self._history.add(GaveUp(self._history.now(), task))
                return
            looks_after_the_end += await self._look(task)
            await asyncio.sleep(POLL_SECONDS * self._random.uniform(0.5, 1.5))

    async def _look(self, task: str) -> bool:
        """Whether it is over."""
        async with httpx2.AsyncClient(headers=self._headers, timeout=REQUEST_SECONDS) as http:
            try:
                answer = await self._ask(http, "tasks/get", task, {"taskId": task})
            except Unanswered:
                return False
        if "error" in answer:
            self._history.add(Unknown(self._history.now(), task))
            return False
        found = answer["result"]
        came = found.get("result", {}).get("structuredContent", {})
        self._history.add(
            Seen(
                self._history.now(), task, found["status"], found.get("statusMessage", ""), came.get("key", ""),
                came.get("run", ""), found.get("error", {}).get("message", ""),
            )
        )  # fmt: skip
        return found["status"] in OVER

    async def _ask(self, http: httpx2.AsyncClient, method: str, name: str, params: dict[str, Any]) -> dict[str, Any]:
        """The answer, where it says something about the task. Raises Unanswered."""
        meta = {
            f"{META}protocolVersion": VERSION,
            f"{META}clientCapabilities": {"extensions": {f"{META}tasks": {}}},
        }
        body = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": {**params, "_meta": meta}}
        try:
            answer = await http.post(self._url, json=body, headers={"Mcp-Method": method, "Mcp-Name": name})
            said: dict[str, Any] = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise Unanswered(str(error)) from error
        if "result" in said or (method == "tasks/get" and said.get("error", {}).get("code") == INVALID_PARAMS):
            return said
        raise Unanswered(str(said))
