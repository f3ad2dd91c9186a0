"""An HTTP API for the tests, over real HTTP: it writes down what it is asked, and answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
import uvicorn
from asgiref.sync import async_to_sync

from controlplane.composition.catalogue import DatabaseCatalogue
from controlplane.vault.secrets import DatabaseSecrets
from mcp_runtime.connectors.remote import Remotes
from mcp_runtime.gateway.plans import CompiledPlan
from mcp_runtime.ports.memory import MemorySandboxes
from mcp_runtime.ports.workers import Caller
from tests.support import wait_until

HERE = ["127.0.0.0/8"]


@dataclass
class Asked:
    """One request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpApi:
    """Answers by path; what is not there is echoed."""

    url: str = ""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    @property
    def last(self) -> Asked:
        return self.asked[-1]

    def say(self, path: str, value: Any, status: int = 200, **headers: str) -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.answers[path] = (status, {"content-type": "application/json", **headers}, body)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        query = scope["query_string"].decode()
        target = scope["raw_path"].decode() + (f"?{query}" if query else "")
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(Asked(scope["method"], target, headers, body))
        echo = (200, {"content-type": "application/json"}, json.dumps({"target": target}).encode())
        status, said, content = self.answers.get(scope["path"], echo)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(name.encode(), value.encode()) for name, value in said.items()],
            }
        )
        await send({"type": "http.response.body", "body": content})


@contextmanager
def running() -> Iterator[HttpApi]:
    api = HttpApi()
    config = uvicorn.Config(api, host="127.0.0.1", port=0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_until(lambda: server.started)
        api.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield api
    finally:
        server.should_exit = True
        thread.join()


def ask(endpoint: str, method: str, name: str, /, **arguments: object) -> Any:
    """Through the published plan, as a gateway has it."""

    async def run() -> Any:
        remotes = Remotes(DatabaseSecrets(), networks=HERE)
        document = await DatabaseCatalogue().plan("acme", endpoint)
        assert document is not None
        plan = CompiledPlan(document, MemorySandboxes(), remotes)
        caller = Caller(request_id="req_1", subject="usr_1", client_id="cli")
        try:
            if method == "resources/read":
                found = plan.read(name)
                assert found is not None
                upstream, params = found[0], dict[str, object](uri=found[1])
            elif method == "prompts/get":
                prompt = plan.prompts[name]
                upstream, params = prompt.upstream, {"name": prompt.upstream_name, "arguments": arguments}
            else:
                tool = plan.tools[name]
                upstream, params = tool.upstream, {"name": tool.upstream_name, "arguments": arguments}
                assert tool.validator is not None
                assert tool.validator.is_valid(arguments)
            raw = msgspec.Raw(msgspec.json.encode(params))
            return msgspec.json.decode(await upstream.call(method, raw, caller=caller))
        finally:
            await remotes.aclose()

    return async_to_sync(run)()
