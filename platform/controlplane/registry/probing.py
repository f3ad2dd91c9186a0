"""Ask a remote server who it is and what it offers, before anything is saved. Never inside a transaction: it waits."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from controlplane.registry import manifests
from controlplane.registry.errors import ManifestError, ProbeFailed
from controlplane.registry.source import CREDENTIAL, Source, checked
from mcp_runtime.client.transports.base import Transport
from mcp_runtime.client.transports.http_sse import SSETransport
from mcp_runtime.connectors.outbound import (
    AddressRefused,
    CredentialRefused,
    Redirected,
    TooMuch,
    guarded_client,
)
from mcp_runtime.connectors.relaying import Relay
from mcp_runtime.connectors.remote import credential, introduced, transport_to
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.ports.memory import MemorySecrets
from mcp_runtime.ports.plans import Remote
from mcp_runtime.ports.workers import Manifest
from mcp_runtime.protocol.errors import McpError, MethodNotFound
from mcp_runtime.protocol.param_headers import MarkError, marks
from mcp_runtime.protocol.uri_templates import TemplateError, UriTemplate

SECONDS = 20.0
MAX_PAGES = 100

_LISTS = (
    ("tools", "tools/list", "tools", "name"),
    ("resources", "resources/list", "resources", "uri"),
    ("resource_templates", "resources/templates/list", "resourceTemplates", "uriTemplate"),
    ("prompts", "prompts/list", "prompts", "name"),
)
_CAPABILITIES = {"tools": "tools", "resources": "resources", "resource_templates": "resources", "prompts": "prompts"}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A component that cannot be served, and why. The others are."""

    kind: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Found:
    """What answered."""

    source: Source
    """As it was asked for, with the version that it speaks."""
    transport: str
    manifest: Manifest
    left_out: tuple[LeftOut, ...]


async def probe(source: Source, secret: str | None, *, networks: Sequence[str]) -> Found:
    """Raises InvalidSource, ProbeFailed, ManifestError."""
    checked(source)
    remote = Remote(
        tenant_id="",
        server_id="probed",
        revision_id="",
        url=source.url,
        transport=source.transport,
        header=source.header,
        scheme=source.scheme,
        secret=CREDENTIAL,
    )
    secrets = MemorySecrets(probed={} if secret is None else {CREDENTIAL: secret})
    try:
        async with (
            asyncio.timeout(SECONDS),
            guarded_client(networks, tls=source.url.lower().startswith("https:")) as client,
        ):
            transport = transport_to(remote, await credential(remote, secrets), client)
            return await _looked_at(source, transport)
    except TimeoutError:
        raise ProbeFailed(
            f"The server did not answer within {SECONDS:g} s.", code="upstream_timeout", hint="Is it up, and quick?"
        ) from None
    except (ClientError, McpError, ValueError) as error:
        raise _failure(error) from error


async def _looked_at(source: Source, transport: Transport) -> Found:
    who = await introduced(transport, Relay())
    try:
        listed: dict[str, list[dict[str, Any]]] = {}
        for kind, method, key, _ in _LISTS:
            offers = _CAPABILITIES[kind] in who.capabilities
            listed[kind] = await _pages(transport, method, key) if offers else []
    finally:
        with contextlib.suppress(ClientError):
            await transport.close()
    whole = Manifest(
        name=who.server_info.name or "remote", version=who.server_info.version or "", instructions=who.instructions
    )
    left_out: list[LeftOut] = []
    for kind, _, _, key in _LISTS:
        setattr(whole, kind, _usable(kind, key, listed[kind], left_out))
    manifests.check(whole)
    sse = isinstance(transport, SSETransport)
    found = msgspec.structs.replace(source, era=who.protocol_version)
    return Found(found, "sse" if sse else "streamable-http", whole, tuple(left_out))


async def _pages(transport: Transport, method: str, key: str) -> list[dict[str, Any]]:
    """A whole list, or the part of it that may be served: a server that lists for ever is cut off by its pages."""
    found: list[dict[str, Any]] = []
    cursor: object = None
    for _ in range(MAX_PAGES):
        try:
            answer = await transport.request(method, {} if cursor is None else {"cursor": cursor})
        except McpError as error:
            if error.code == MethodNotFound.code:  # it declares what it does not have
                return found
            raise
        items = answer.get(key)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ClientError(f"Its answer to {method} has no list of {key}.")
        found += items
        cursor = answer.get("nextCursor")
        if cursor is None:
            return found
        if len(found) > manifests.MAX_COMPONENTS:
            break
    raise ClientError(f"Its {key} do not end: more than {manifests.MAX_COMPONENTS}, or more than {MAX_PAGES} pages.")


def _usable(kind: str, key: str, items: list[dict[str, Any]], left_out: list[LeftOut]) -> list[dict[str, object]]:
    """Without those that cannot be served: one of them is no reason to refuse the others."""
    usable: dict[str, dict[str, object]] = {}
    for item in items:
        try:
            alone = Manifest(name="x")
            setattr(alone, kind, [item])
            manifests.check(alone)
            name = str(item[key])
            if name in usable:
                raise ValueError("It is listed twice.")
            if kind == "tools":
                marks(item["inputSchema"])
            elif kind == "resource_templates":
                UriTemplate(name)
            usable[name] = item
        except ManifestError as error:
            left_out.append(LeftOut(kind, str(item.get(key))[:200], error.message))
        except (MarkError, TemplateError, ValueError) as error:
            left_out.append(LeftOut(kind, str(item.get(key))[:200], str(error)))
    return list(usable.values())


def _failure(error: Exception) -> ProbeFailed:
    """In words for the one who named the address, whose own it is: it may be told what it answered."""
    match error:
        case AddressRefused():
            hint = "Name one on the public Internet over https, or let the operator open its network."
            return ProbeFailed(str(error), code="upstream_address_refused", hint=hint)
        case CredentialRefused():
            hint = "Give the credential that it wants, and the header that it goes into."
            return ProbeFailed(str(error), code="upstream_refused", hint=hint)
        case Redirected():
            return ProbeFailed(str(error), code="upstream_redirects", hint="Give the address that it leads to.")
        case TooMuch():
            return ProbeFailed(str(error), code="upstream_too_large", hint="Only answers of up to 16 MB are read.")
        case McpError():
            hint = "It speaks MCP, and refused this."
            return ProbeFailed(f"The server answered: {error.message[:500]}", code="upstream_failed", hint=hint)
    hint = "Is this the address that MCP clients connect to?"
    return ProbeFailed(str(error)[:500], code="upstream_failed", hint=hint)
