"""What has to be known of a server before anything is written. It waits for others, so never inside a transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from asgiref.sync import async_to_sync

from controlplane.declarative import files
from controlplane.declarative.document import (
    OpenApiServer,
    PythonServer,
    RemoteServer,
    ServerSpec,
    StaticServer,
)
from controlplane.declarative.errors import InvalidConfiguration
from controlplane.registry import commands
from controlplane.registry.errors import BuildFailure, ProbeFailed, RegistryError
from controlplane.registry.openapi.services import Looked, looked_at
from controlplane.registry.probing import Found, probe
from controlplane.registry.source import Source, checked
from controlplane.registry.static.compiling import compiled
from mcp_runtime.ports.workers import Manifest
from mcp_runtime.sandbox.egress.targets import Grant


@dataclass(frozen=True, slots=True)
class Prepared:
    """A server that is to change, with what was found out about it."""

    spec: ServerSpec
    bundle: bytes = b""
    looked: Looked | None = None
    found: Found | None = None
    waits: str = ""
    """Why it does not serve yet."""


def same(wanted: ServerSpec, current: ServerSpec) -> bool:
    """Whether applying it would change nothing. What the document leaves open is as it is."""
    if type(wanted) is not type(current) or not set(wanted.secrets) <= set(current.secrets):
        return False
    match wanted, current:
        case PythonServer(), PythonServer():
            return hosts_of(wanted) == hosts_of(current) and same_source(wanted, current)
        case RemoteServer(), RemoteServer():
            return not wanted.url or _source(wanted) == _source(current)
        case OpenApiServer(), OpenApiServer():
            if wanted.document is None and not wanted.settings.url:
                return True
            return wanted.settings == current.settings and wanted.document in (None, current.document)
    return wanted == msgspec.structs.replace(current, secrets=wanted.secrets)


def same_source(wanted: PythonServer, current: PythonServer) -> bool:
    if not wanted.files:
        return True
    found_alike = wanted.entrypoint in ("", current.entrypoint) and wanted.command == current.command
    return found_alike and files.bundle_of(wanted.files, "$") == files.bundle_of(current.files, "$")


def hosts_of(server: PythonServer) -> tuple[str, ...]:
    """As the registry keeps them."""
    return tuple(sorted({host.strip().lower() for host in server.hosts}))


def prepare(slug: str, wanted: ServerSpec, credential: str | None, *, networks: Sequence[str]) -> Prepared:
    """Raises InvalidConfiguration."""
    where = f"$.servers.{slug}"
    try:
        match wanted:
            case PythonServer():
                return _python(wanted, where)
            case RemoteServer():
                return _remote(wanted, credential, networks, slug)
            case OpenApiServer():
                return _openapi(wanted, networks)
            case StaticServer():
                compiled(wanted.document, slug)
                return Prepared(wanted)
    except (RegistryError, BuildFailure) as error:
        inside = ".document" if isinstance(wanted, StaticServer | OpenApiServer) else ""
        raise InvalidConfiguration(error.message, where + inside, error.hint) from error


def _python(wanted: PythonServer, where: str) -> Prepared:
    for index, host in enumerate(wanted.hosts):
        try:
            Grant.parse(host)
        except ValueError as error:
            raise InvalidConfiguration(str(error), f"{where}.hosts[{index}]") from error
    if not wanted.files:
        return Prepared(wanted)
    bundle = files.bundle_of(wanted.files, f"{where}.files")
    command = commands.words(wanted.command)
    if command and wanted.entrypoint:
        raise InvalidConfiguration("A server has an entrypoint or a command, not both.", f"{where}.command")
    files.check(bundle, wanted.entrypoint, where, is_command=bool(command))
    return Prepared(wanted, bundle=bundle)


def _remote(wanted: RemoteServer, credential: str | None, networks: Sequence[str], slug: str) -> Prepared:
    """What cannot be asked yet is saved as it is written: what it offers arrives when it answers."""
    if not wanted.url:
        return Prepared(wanted)
    source = checked(_source(wanted))
    unknown = Found(source, source.transport, Manifest(name=slug), ())
    if wanted.header is not None and credential is None:
        return Prepared(wanted, found=unknown, waits=f"the credential of '{slug}' is not set")
    try:
        return Prepared(wanted, found=async_to_sync(probe)(source, credential, networks=networks))
    except ProbeFailed as error:
        return Prepared(wanted, found=unknown, waits=f"'{slug}' does not answer as it should: {error.message}")


def _openapi(wanted: OpenApiServer, networks: Sequence[str]) -> Prepared:
    if wanted.document is None and not wanted.settings.url:
        return Prepared(wanted)
    document = None if wanted.document is None else msgspec.json.encode(wanted.document)
    return Prepared(wanted, looked=async_to_sync(looked_at)(wanted.settings, document, networks=networks))


def _source(server: RemoteServer) -> Source:
    return Source(url=server.url, transport=server.transport, header=server.header, scheme=server.scheme)
