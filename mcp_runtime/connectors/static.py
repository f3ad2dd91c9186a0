"""Members of kind `static`: what they have stands in the plan. Their HTTP tools and resources are an API's."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import msgspec

from mcp_runtime.connectors.upstream import Upstream
from mcp_runtime.ports.sandboxes import Asker, EventSink
from mcp_runtime.ports.statics import Content, Message, Static
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import InvalidParams, UnknownPrompt

_ARGUMENT = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}")


class StaticUpstream:
    """Answers at once (`connectors.upstream.Upstream`); `api` is asked for all that is not here."""

    kind: ClassVar = "static"

    __slots__ = ("_api", "_static")

    def __init__(self, static: Static, api: Upstream | None) -> None:
        self._static = static
        self._api = api

    async def call(
        self,
        method: str,
        params: msgspec.Raw,
        *,
        caller: Caller,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> msgspec.Raw:
        decoded: dict[str, Any] = msgspec.json.decode(params)
        if method == "resources/read" and (content := self._static.contents.get(str(decoded.get("uri")))) is not None:
            return _raw({"contents": [_contents(str(decoded["uri"]), content)]})
        if method == "prompts/get":
            name = str(decoded.get("name"))
            messages = self._static.prompts.get(name)
            if messages is None:
                raise UnknownPrompt(name)
            arguments = decoded.get("arguments") or {}
            return _raw({"messages": [_message(message, arguments) for message in messages]})
        if self._api is None:
            raise InvalidParams(f"This server has nothing for {method}.")
        return await self._api.call(method, params, caller=caller, on_event=on_event, asker=asker)


def arguments_in(text: str) -> set[str]:
    """Which arguments a message names."""
    return set(_ARGUMENT.findall(text))


def _contents(uri: str, content: Content) -> dict[str, str]:
    shown = {"uri": uri, "text": content.text} if content.text is not None else {"uri": uri, "blob": content.blob or ""}
    if content.mime_type:
        shown["mimeType"] = content.mime_type
    return shown


def _message(message: Message, arguments: dict[str, str]) -> dict[str, Any]:
    """What an argument holds is put in as it is, and looked at no further."""
    text = _ARGUMENT.sub(lambda found: str(arguments.get(found[1], "")), message.text)
    return {"role": message.role, "content": {"type": "text", "text": text}}


def _raw(result: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(result))
