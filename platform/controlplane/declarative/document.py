"""The document: what of a tenant is configuration. Reading is strict, and an error names its place.

People, their roles, keys, values of secrets, log-ins and records are not in it: they are not configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import Meta

from controlplane.composition.document import Composition
from controlplane.composition.document import read as read_composition
from controlplane.composition.errors import InvalidComposition
from controlplane.declarative.errors import InvalidConfiguration
from controlplane.registry.openapi.settings import ApiSettings
from controlplane.registry.source import TransportName
from controlplane.registry.static.document import StaticDocument
from tenants.identifiers import SLUG_RULE, is_slug

VERSION: Final = 1
MAX_ENTRIES: Final = 1_000
"""Of one section."""
Short: TypeAlias = Annotated[str, Meta(max_length=500)]
FileName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=500)]
Secret: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What it leaves out is at its default."""


class _Server(_Part, frozen=True, tag_field="kind"):
    secrets: Annotated[tuple[Secret, ...], Meta(max_length=100)] = ()
    """Names of the secrets that it needs. Their values are set by hand, and are in no document."""


class Encoded(_Part, frozen=True):
    """A file that is no text."""

    base64: str


class PythonServer(_Server, frozen=True, tag="python"):
    hosts: Annotated[tuple[Short, ...], Meta(max_length=50)] = ()
    entrypoint: Annotated[str, Meta(max_length=300)] = ""
    command: Annotated[str, Meta(max_length=2_000)] = ""
    """For a server of another SDK: what starts it, as a shell reads it."""
    files: Annotated[dict[FileName, str | Encoded], Meta(max_length=2_000)] = {}
    """Its source by path. Without any the server is registered, and its code left as it is."""


class RemoteServer(_Server, frozen=True, tag="remote"):
    url: Annotated[str, Meta(max_length=2_048)] = ""
    transport: TransportName = "auto"
    header: Short | None = None
    """The header of its credential, which is the secret UPSTREAM_CREDENTIAL."""
    scheme: Short = ""


class OpenApiServer(_Server, frozen=True, tag="openapi"):
    settings: ApiSettings = ApiSettings()
    document: dict[str, Any] | None = None
    """Without one it is fetched from `settings.url` when that, or anything in the settings, changes."""


class StaticServer(_Server, frozen=True, tag="static"):
    document: StaticDocument = StaticDocument()


ServerSpec: TypeAlias = PythonServer | RemoteServer | OpenApiServer | StaticServer


class EndpointSpec(_Part, frozen=True):
    composition: Composition
    draft: bool = False
    """It is not published."""


class RuleSpec(_Part, frozen=True, kw_only=True):
    match: Short
    value: Short = ""
    role: Short


class ProviderSpec(_Part, frozen=True):
    """An identity provider. Its secret is given by hand, and it is switched on by hand once tested."""

    kind: Short
    name: Short = ""
    client_id: Short = ""
    settings: dict[Short, Short] = {}
    rules: Annotated[tuple[RuleSpec, ...], Meta(max_length=100)] = ()
    trusts_email: bool = False
    counts_as_second_factor: bool = False
    required: bool = False


class Configuration(msgspec.Struct, frozen=True):
    """A section that is None is not spoken of: applying leaves it alone."""

    servers: dict[str, ServerSpec] | None = None
    endpoints: dict[str, EndpointSpec] | None = None
    identity_providers: dict[str, ProviderSpec] | None = None


SECTIONS: Final = ("servers", "endpoints", "identity_providers")


def read(value: object) -> Configuration:
    """Raises InvalidConfiguration."""
    if not isinstance(value, dict):
        raise InvalidConfiguration("The document is no mapping.", "$", "It begins with `stoa: 1`.")
    if value.get("stoa") != VERSION or isinstance(value.get("stoa"), bool):
        raise InvalidConfiguration(f"The document is not of version {VERSION}.", "$.stoa", f"Write `stoa: {VERSION}`.")
    unknown = sorted(set(value) - {"stoa", *SECTIONS})
    if unknown:
        raise InvalidConfiguration(
            f"There is no section '{unknown[0][:80]}'.", "$", f"Sections: {', '.join(SECTIONS)}."
        )
    return Configuration(
        servers=_section(value, "servers", lambda one, where: _converted(one, ServerSpec, where)),
        endpoints=_section(value, "endpoints", _endpoint),
        identity_providers=_section(
            value, "identity_providers", lambda one, where: _converted(one, ProviderSpec, where)
        ),
    )


def write(configuration: Configuration) -> dict[str, Any]:
    """As plain values, without what is at its default. Entries stand in the order of their names."""
    document: dict[str, Any] = {"stoa": VERSION}
    for section in SECTIONS:
        entries = getattr(configuration, section)
        if entries is not None:
            document[section] = {name: plain(entries[name]) for name in sorted(entries)}
    return document


def plain(entry: object) -> Any:
    """JSON values of one entry."""
    return msgspec.json.decode(msgspec.json.encode(entry))


def _section(document: dict[str, Any], name: str, convert: Callable[[object, str], Any]) -> Any:
    if name not in document:
        return None
    entries = document[name]
    if not isinstance(entries, dict):
        raise InvalidConfiguration("A section is a mapping by name.", f"$.{name}", f"Empty is `{name}: {{}}`.")
    if len(entries) > MAX_ENTRIES:
        raise InvalidConfiguration(f"A section has at most {MAX_ENTRIES} entries.", f"$.{name}")
    for slug in entries:
        if not is_slug(slug):
            raise InvalidConfiguration(f"'{slug[:80]}' is not a usable name.", f"$.{name}", f"Use {SLUG_RULE}.")
    return {slug: convert(entry, f"$.{name}.{slug}") for slug, entry in entries.items()}


def _converted(value: object, kind: Any, where: str) -> Any:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message, _, inside = str(error).partition(" - at ")
        raise InvalidConfiguration(f"{message}.", where + inside.strip("`").removeprefix("$")) from None


def _endpoint(value: object, where: str) -> EndpointSpec:
    spec: EndpointSpec = _converted(value, EndpointSpec, where)
    try:
        read_composition(plain(spec.composition))
    except InvalidComposition as error:
        raise InvalidConfiguration(str(error), f"{where}.composition{error.where.removeprefix('$')}") from error
    return spec
