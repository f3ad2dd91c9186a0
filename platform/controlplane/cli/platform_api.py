"""The management API, as the commands use it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self
from urllib.parse import quote

import httpx2

from controlplane.cli.errors import CliError
from controlplane.cli.settings import Settings

LONGEST_EVENT = 1024 * 1024
RECONNECTS = 5


class Api:
    """One tenant's part of the management API. Every answer that is no success is a CliError."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._client = httpx2.Client(
            base_url=f"{settings.url}/api/v1/tenants/{quote(settings.tenant, safe='')}/",
            headers={"authorization": f"Bearer {settings.credential()}", "user-agent": "stoa-cli"},
            timeout=httpx2.Timeout(30.0, connect=10.0),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._client.close()

    @property
    def tenant_url(self) -> str:
        """The tenant itself, whose address has no slash at its end."""
        return str(self._client.base_url).rstrip("/")

    def get(self, path: str) -> Any:
        return self._json("GET", path)

    def part(self, path: str) -> tuple[str, str | None]:
        """A document that comes in parts, and the path of the next one."""
        answer = self._answer("GET", path)
        following = answer.links.get("next", {}).get("url", "")
        return answer.text, following.partition(f"/tenants/{quote(self.settings.tenant, safe='')}/")[2] or None

    def send(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, headers: dict[str, str] | None = None
    ) -> Any:
        return self._json(method, path, json=body, headers=headers)

    def upload(self, path: str, file_name: str, data: bytes, fields: dict[str, str], *, part: str = "bundle") -> Any:
        files = {part: (file_name, data, "application/octet-stream")}
        return self._json("POST", path, files=files, data=fields, timeout=httpx2.Timeout(120.0, connect=10.0))

    def form(self, path: str, fields: dict[str, str]) -> Any:
        """The same without a file."""
        return self._json("POST", path, files={name: (None, value) for name, value in fields.items()})

    def follow(self, revision_id: str) -> Iterator[tuple[str, Any]]:
        """The events of a build log, to the end: ("line", {...}) and last ("end", {...}). Reconnects when cut off."""
        last, lost = "", 0
        while True:
            try:
                for event in self._events(f"revisions/{revision_id}/log", last):
                    last, lost = event.id or last, 0
                    yield event.event, json.loads(event.data)
                    if event.event == "end":
                        return
            except httpx2.TransportError as error:
                if lost >= RECONNECTS:
                    raise self._unreachable(error) from error
            lost += 1

    def _events(self, path: str, last: str) -> Iterator[httpx2.ServerSentEvent]:
        headers = {"last-event-id": last} if last else {}
        # Quiet for twice as long as the server ever is: then the connection is dead.
        timeout = httpx2.Timeout(40.0, connect=10.0)
        with self._client.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if answer.status_code != 200:
                answer.read()
                raise _refused(answer)
            yield from httpx2.EventSource(answer, max_event_size=LONGEST_EVENT)

    def _json(self, method: str, path: str, **more: Any) -> Any:
        answer = self._answer(method, path, **more)
        return answer.json() if answer.content else None

    def _answer(self, method: str, path: str, **more: Any) -> httpx2.Response:
        try:
            answer = self._client.request(method, path, **more)
        except httpx2.TransportError as error:
            raise self._unreachable(error) from error
        if answer.is_success:
            return answer
        raise _refused(answer)

    def _unreachable(self, error: httpx2.TransportError) -> CliError:
        return CliError(
            f"No answer from {self.settings.url}: {str(error) or type(error).__name__}",
            hint="Is the platform running? On your own machine: `stoa up`. Elsewhere set STOA_URL.",
        )


def _refused(answer: httpx2.Response) -> CliError:
    """What the API said is wrong, in its own words."""
    try:
        problem = answer.json()
        message, hint = str(problem["detail"]), str(problem.get("hint") or "")
    except (ValueError, KeyError, TypeError):
        return CliError(f"{answer.url.host} answered {answer.status_code}.", hint="Is STOA_URL the platform's address?")
    fields = problem.get("errors")
    detail = json.dumps(fields) if fields else f"At {where}:" if (where := problem.get("where")) else ""
    if answer.status_code >= 500:
        hint = f"{hint} (request {problem.get('request_id')})"
    return CliError(message, hint=hint, detail=detail, code=str(problem.get("code") or ""))


@contextmanager
def connected(url: str | None, tenant: str | None) -> Iterator[Api]:
    """The API that flags, environment and `demo.json` point at."""
    from controlplane.cli import settings

    with Api(settings.load(url=url, tenant=tenant)) as api:
        yield api


def path(*parts: str) -> str:
    """A path of the API. What the user typed stays one segment of it."""
    return "/".join(quote(part, safe="") for part in parts)
