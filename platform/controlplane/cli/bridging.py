"""`stoa bridge`: a remote endpoint as a server on standard input and output, for clients that know nothing else.

The process that the client starts is a proxy of one caller: what the endpoint sends while it answers (progress, log
messages, questions) is relayed, in the era that each side speaks. It ends when the client closes its end.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from controlplane.cli.errors import CliError
from mcp_runtime.client import Client
from mcp_runtime.client.messages import MessageHandler, ServerMessage
from mcp_runtime.framework.composition.connections import PerCaller
from mcp_runtime.framework.composition.proxy import CACHE_SECONDS, FastMCPProxy, ProxyProvider

KEY = "STOA_API_KEY"


def bridge(url: str, *, login: bool, environ: Mapping[str, str] = os.environ) -> None:
    """Serve `url` until standard input ends. Credentials come from the environment or a browser (PROTOCOL D-04)."""
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise CliError(f"{url!r} is no address.", hint="Give the endpoint's, such as https://host/t/acme/weather/mcp.")
    key = "" if login else environ.get(KEY, "")
    bridged(url, auth=key or _login(environ), name=parts.hostname).run("stdio", show_banner=False)


def bridged(target: Any, *, auth: Any = None, name: str = "bridge") -> FastMCPProxy:
    """The server that stands for `target`, which tells its client when the lists of `target` change."""
    changes = _Changes()
    client = Client(target, auth=auth, message_handler=changes)
    changes.provider = ProxyProvider(PerCaller(client), cache_seconds=CACHE_SECONDS)
    return FastMCPProxy(name=name, provider=changes.provider)


class _Changes(MessageHandler):
    """What the endpoint tells of its lists."""

    provider: ProxyProvider

    async def on_tool_list_changed(self, message: ServerMessage) -> None:
        self.provider.changed("tools")

    async def on_resource_list_changed(self, message: ServerMessage) -> None:
        self.provider.changed("resources", "resourceTemplates")

    async def on_prompt_list_changed(self, message: ServerMessage) -> None:
        self.provider.changed("prompts")


def _login(environ: Mapping[str, str]) -> Any:
    """Log in with a browser where the endpoint asks for it, and stay logged in."""
    from mcp_runtime.client.auth import OAuth
    from mcp_runtime.framework.storage.disk import DiskStore

    folder = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "stoa" / "bridge"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return OAuth(client_name="stoa bridge", token_storage=DiskStore(directory=folder))
