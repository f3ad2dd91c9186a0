"""What a client says about itself, checked: the same for registrations (RFC 7591) and for metadata documents.

Members we do not know are left out, values we do not support are left out where the RFC lets a server choose, and
all else that is wrong is refused with the reason. The texts are hostile: pages escape them, and links are http(s).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from controlplane.issuer import redirects
from controlplane.issuer.logins import SCOPES

MAX_REDIRECTS = 20
MAX_NAME = 120
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
GRANT_TYPES = ("authorization_code", "refresh_token", DEVICE_CODE, JWT_BEARER)
"""What a program may register for by itself."""
_PUBLIC = "none"
AuthMethod = Literal["none", "client_secret_basic", "client_secret_post"]


class InvalidMetadataError(ValueError):
    """`code` is RFC 7591's."""

    code = "invalid_client_metadata"


class InvalidRedirectMetadataError(InvalidMetadataError):
    code = "invalid_redirect_uri"


class ClientMetadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 7591 section 2, the part that means something here."""

    redirect_uris: list[str]
    token_endpoint_auth_method: AuthMethod
    grant_types: list[str]
    response_types: list[str]
    scope: str
    client_name: str = ""
    client_uri: str = ""
    logo_uri: str = ""
    tos_uri: str = ""
    policy_uri: str = ""
    software_id: str = ""
    software_version: str = ""
    application_type: str = ""
    contacts: list[str] = []

    @property
    def confidential(self) -> bool:
        return self.token_endpoint_auth_method != _PUBLIC

    def as_json(self) -> dict[str, Any]:
        """For the row and for the answer to a registration."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built


def check(data: Mapping[str, Any], *, default_method: AuthMethod = "client_secret_basic") -> ClientMetadata:
    """Raises InvalidMetadataError, InvalidRedirectMetadataError."""
    method = data.get("token_endpoint_auth_method", default_method)
    if method not in ("none", "client_secret_basic", "client_secret_post"):
        raise InvalidMetadataError(
            "token_endpoint_auth_method must be none, client_secret_basic or client_secret_post here."
        )
    grant_types = _strings(data, "grant_types", ["authorization_code"])
    by_redirect = "authorization_code" in grant_types
    if not {"authorization_code", DEVICE_CODE, JWT_BEARER} & set(grant_types):
        raise InvalidMetadataError(
            f"grant_types must hold authorization_code, {DEVICE_CODE} or {JWT_BEARER}; "
            "a client without people is made by hand."
        )
    if JWT_BEARER in grant_types and method == _PUBLIC:
        raise InvalidMetadataError(f"A client needs a secret for {JWT_BEARER}.")
    if by_redirect and "code" not in _strings(data, "response_types", ["code"]):
        raise InvalidMetadataError("response_types must hold code.")
    return ClientMetadata(
        redirect_uris=_redirects(data) if by_redirect else [],
        token_endpoint_auth_method=method,
        grant_types=[name for name in GRANT_TYPES if name in grant_types],
        response_types=["code"] if by_redirect else [],
        scope=" ".join(name for name in SCOPES if name in (_text(data, "scope", 2000) or " ".join(SCOPES)).split()),
        client_name=_text(data, "client_name", MAX_NAME),
        client_uri=_link(data, "client_uri"),
        logo_uri=_link(data, "logo_uri"),
        tos_uri=_link(data, "tos_uri"),
        policy_uri=_link(data, "policy_uri"),
        software_id=_text(data, "software_id", 255),
        software_version=_text(data, "software_version", 255),
        application_type=_application_type(data),
        contacts=_strings(data, "contacts", []),
    )


def _redirects(data: Mapping[str, Any]) -> list[str]:
    uris = data.get("redirect_uris")
    if not isinstance(uris, list) or not 1 <= len(uris) <= MAX_REDIRECTS:
        raise InvalidRedirectMetadataError(f"redirect_uris must be a list of 1 to {MAX_REDIRECTS} addresses.")
    try:
        return list(dict.fromkeys(redirects.check(uri) for uri in uris))
    except redirects.InvalidRedirectError as error:
        raise InvalidRedirectMetadataError(str(error)) from None


def _application_type(data: Mapping[str, Any]) -> str:
    value = _text(data, "application_type", 20)
    if value not in ("", "web", "native"):
        raise InvalidMetadataError("application_type must be web or native.")
    return value


def _text(data: Mapping[str, Any], name: str, longest: int) -> str:
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest or not value.isprintable():
        raise InvalidMetadataError(f"{name} must be a line of at most {longest} printable characters.")
    return value.strip()


def _link(data: Mapping[str, Any], name: str) -> str:
    value = _text(data, name, 2048)
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if value and (parts.scheme not in ("https", "http") or not parts.hostname):
        raise InvalidMetadataError(f"{name} must be an http or https address.")
    return value


def _strings(data: Mapping[str, Any], name: str, default: list[str]) -> list[str]:
    value = data.get(name, default)
    if value is None:
        return default
    if not isinstance(value, list) or len(value) > 20 or not all(isinstance(one, str) for one in value):
        raise InvalidMetadataError(f"{name} must be a list of at most 20 strings.")
    return value
