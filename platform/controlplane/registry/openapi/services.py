"""Import an API's document, and follow it when it changes.

`looked_at` fetches and works for seconds, so it runs outside of any transaction; `save` runs inside `acting_for`.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2
import msgspec

from controlplane.registry import saving
from controlplane.registry.errors import ImportFailed, WrongKind
from controlplane.registry.models import Revision, Server
from controlplane.registry.openapi.bundling import bundled
from controlplane.registry.openapi.operations import Imported, imported
from controlplane.registry.openapi.reading import read_document
from controlplane.registry.openapi.settings import ApiSettings, read_settings
from controlplane.registry.saving import State
from mcp_runtime.connectors.outbound import AddressRefused, TooMuch, guarded_client
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.ports.apis import Api, Scheme
from mcp_runtime.sandbox.store import Store
from tenants.principal import Principal

SECONDS = 60.0
"""For all that is fetched together."""
FILE_NAME = "openapi.json"


@dataclass(frozen=True, slots=True)
class Looked:
    """A document that was read, and what would become of it."""

    settings: ApiSettings
    bundle: bytes
    """The document with all that it referred to, as JSON."""
    imported: Imported


@dataclass(frozen=True, slots=True)
class Pinned:
    """Where a server's credentials are sent. A document that changed by itself does not change that."""

    base_url: str
    schemes: dict[str, Scheme]


async def looked_at(
    settings: ApiSettings, document: bytes | None, *, networks: Sequence[str], pinned: Pinned | None = None
) -> Looked:
    """Of the document given, else of the one at `settings.url`. Raises ImportFailed, InvalidSettings, ManifestError."""
    async with asyncio.timeout(SECONDS):
        try:
            return await _looked_at(settings, document, networks, pinned)
        except TimeoutError:
            raise ImportFailed(
                f"The document could not be had within {SECONDS:g} s.", code="fetch_failed", hint="Upload it instead."
            ) from None


def save(slug: str, looked: Looked, store: Store, *, acting: Principal | None, always: bool) -> tuple[Revision, bool]:
    """Make it the server's current revision. Raises NotPermittedError, InvalidSlug, WrongKind, CompileError."""
    store.prepare()
    state = State(
        source=looked.settings,
        manifest=looked.imported.manifest,
        serving=looked.imported.api,
        bundle=store.add_bundle(io.BytesIO(looked.bundle)),
        file_name=FILE_NAME,
    )
    return saving.save(slug, Server.Kind.OPENAPI, state, acting=acting, always=always)


def settings_of(server: Server) -> tuple[ApiSettings, Pinned]:
    """Of a saved API. Raises WrongKind, ImportFailed."""
    if server.kind != Server.Kind.OPENAPI:
        raise WrongKind(server.slug, server.kind)
    revision = server.current_revision
    if revision is None:
        raise ImportFailed(
            f"'{server.slug}' has no document yet.", code="no_document", hint="Import one: `stoa openapi add`."
        )
    api = msgspec.convert(revision.serving, Api)
    return read_settings(revision.source), Pinned(api.base_url, dict(api.schemes))


def stored_document(server: Server, store: Store) -> bytes:
    """The document that the current revision was made from. Raises ImportFailed."""
    revision = server.current_revision
    assert revision is not None  # `settings_of` was asked first
    try:
        return store.path("bundles", revision.bundle).read_bytes()
    except OSError:
        raise ImportFailed(
            "The document is no longer in the store.", code="no_document", hint="Import it again."
        ) from None


def plain_manifest(looked: Looked) -> dict[str, Any]:
    """As it is stored."""
    manifest: dict[str, Any] = msgspec.to_builtins(looked.imported.manifest)
    return manifest


def plain_settings(settings: ApiSettings) -> dict[str, Any]:
    """As they are written."""
    plain: dict[str, Any] = msgspec.to_builtins(settings)
    return plain


async def _looked_at(
    settings: ApiSettings, document: bytes | None, networks: Sequence[str], pinned: Pinned | None
) -> Looked:
    async def fetch(url: str) -> bytes:
        return await _fetched(url, networks)

    data = document if document is not None else await fetch(settings.url)
    spec = await bundled(await asyncio.to_thread(read_document, data), url=settings.url, fetch=fetch)
    wanted = settings if pinned is None else msgspec.structs.replace(settings, base_url=pinned.base_url)
    result = await asyncio.to_thread(imported, spec, wanted)
    if pinned is not None:
        _check_pinned(result.api, pinned)
    return Looked(settings, msgspec.json.encode(spec), result)


def _check_pinned(api: Api, pinned: Pinned) -> None:
    """Raises ImportFailed where secrets that are set would go somewhere else."""
    for name, scheme in api.schemes.items():
        before = pinned.schemes.get(name, scheme)
        if _destination(before) != _destination(scheme):
            raise ImportFailed(
                f"The document now sends the credential '{name[:80]}' somewhere else.",
                code="security_changed",
                hint="If that is right, import it again: `stoa openapi add`.",
            )


def _destination(scheme: Scheme) -> object:
    return (scheme.kind, scheme.place, scheme.name, scheme.token_url, scheme.secrets)


async def _fetched(url: str, networks: Sequence[str]) -> bytes:
    """One document, through the guarded client. Raises ImportFailed."""
    _check_address(url)
    try:
        async with guarded_client(networks, tls=url.lower().startswith("https:"), judges=False) as client:
            answer = await client.get(url, headers={"accept": "application/json, application/yaml, */*;q=0.5"})
    except AddressRefused as error:
        hint = "Name one on the public Internet over https, or upload the document."
        raise ImportFailed(str(error), code="upstream_address_refused", hint=hint) from error
    except TooMuch as error:
        raise ImportFailed(str(error), code="document_too_large", hint="Leave out what is not needed.") from error
    except (ClientError, httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        hint = "Is the address right? Else upload the document."
        raise ImportFailed(
            f"The document could not be fetched ({type(error).__name__}).", code="fetch_failed", hint=hint
        ) from error
    if answer.status_code != 200:
        leads = " and leads elsewhere, which is not followed" if 300 <= answer.status_code < 400 else ""
        raise ImportFailed(
            f"The document's address answered {answer.status_code}{leads}.",
            code="fetch_failed",
            hint="Give the address of the document itself, which needs no credential.",
        )
    return answer.content


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.port != 0 and parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or parts.username is not None or parts.password is not None or not url.isprintable():
        raise ImportFailed(
            f"'{url[:200]}' is no address of a document.",
            code="fetch_failed",
            hint="Give one that begins with https://, without a user name.",
        )
