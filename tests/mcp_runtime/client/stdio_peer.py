"""A server on standard input and output, run as a child process by the tests.

python stdio_peer.py modern|legacy [stubborn|mute|noisy|dying]
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from typing import Any

import msgspec

from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.asking.elicitation import AcceptedElicitation
from mcp_runtime.framework.serving import serve
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import McpError

ERA, QUIRK = sys.argv[1], (sys.argv[2:] or [""])[0]
mcp = FastMCP("peer")
questions: dict[str, asyncio.Future[dict[str, Any]]] = {}
calls: dict[Any, asyncio.Task[None]] = {}
cancelled: list[Any] = []


@mcp.tool
async def add(a: int, b: int) -> int:
    return a + b


@mcp.tool
async def talk(ctx: Context) -> str:
    await ctx.info("hello")
    await ctx.report_progress(1, 2)
    return "done"


@mcp.tool
async def ask(ctx: Context) -> str:
    answer = await ctx.elicit("Name?")
    return str(answer.data) if isinstance(answer, AcceptedElicitation) else answer.action


@mcp.tool
async def wait() -> None:
    await asyncio.Event().wait()


@mcp.tool
def environment(name: str) -> str | None:
    return os.environ.get(name)


@mcp.tool
def who() -> list[Any]:
    return [os.getpid(), os.getcwd(), cancelled]


@mcp.tool
def die() -> None:
    os._exit(3)


class Exchange:
    transport = "stdio"
    session_id = "stdio"

    def __init__(self, message: dict[str, Any]) -> None:
        params = message.get("params") or {}
        meta = params.get("_meta") or {}
        modern = meta.get("io.modelcontextprotocol/clientCapabilities")
        self.request_id = str(message.get("id"))
        self.token = meta.get("progressToken")
        self.caller = Caller(
            self.request_id,
            "",
            "",
            protocol_version="2026-07-28" if ERA == "modern" else "2025-11-25",
            client_capabilities=modern if modern is not None else client,
            progress=self.token is not None,
            log_level=meta.get("io.modelcontextprotocol/logLevel") or ("debug" if ERA == "legacy" else None),
        )
        if ERA == "legacy":
            self.ask = self._ask

    def log(self, level: str, logger: str | None, data: object) -> None:
        write({"method": "notifications/message", "params": {"level": level, "data": data}})

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        params = {"progressToken": self.token, "progress": progress, "total": total}
        write({"method": "notifications/progress", "params": params})

    async def _ask(self, method: str, params: dict[str, object]) -> dict[str, object]:
        number = f"q{len(questions)}"
        questions[number] = asyncio.get_running_loop().create_future()
        write({"id": number, "method": method, "params": params})
        return await questions[number]


client: dict[str, Any] = {}


def write(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(msgspec.json.encode({"jsonrpc": "2.0", **message}) + b"\n")
    sys.stdout.buffer.flush()


async def answer(message: dict[str, Any]) -> None:
    method, params = message["method"], message.get("params") or {}
    if method == "initialize":
        client.update(params["capabilities"])
    try:
        if ERA == "legacy" and method == "server/discover":
            raise McpError("What?", code=-32600)
        if ERA == "modern" and method == "initialize":
            raise McpError("No.", code=-32022, data={"supported": ["2026-07-28"]})
        write({"id": message["id"], "result": await serve(mcp, method, params, Exchange(message))})
    except McpError as error:
        write({"id": message["id"], "error": error.as_object()})


async def main() -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def read() -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(received, msgspec.json.decode(line))
        loop.call_soon_threadsafe(ended.set)

    def received(message: dict[str, Any]) -> None:
        if "method" not in message:
            questions[message["id"]].set_result(message.get("result") or {})
        elif message["method"] == "notifications/cancelled":
            cancelled.append(message["params"]["requestId"])
            calls[message["params"]["requestId"]].cancel()
        elif "id" in message and not (QUIRK == "mute" and message["method"] == "server/discover"):
            calls[message["id"]] = loop.create_task(answer(message))

    threading.Thread(target=read, daemon=True).start()
    await ended.wait()
    if QUIRK == "stubborn":
        await asyncio.Event().wait()


if __name__ == "__main__":
    if QUIRK == "dying":
        raise SystemExit(7)
    if QUIRK == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if QUIRK == "noisy":
        print("I am the peer", file=sys.stderr, flush=True)
    asyncio.run(main())
