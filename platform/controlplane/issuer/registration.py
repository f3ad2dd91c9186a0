"""Dynamic Client Registration (RFC 7591) and its management (RFC 7592), on Authlib's endpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc7591 import ClientRegistrationEndpoint
from authlib.oauth2.rfc7592 import ClientConfigurationEndpoint
from django.http import HttpRequest, HttpResponse

from controlplane.issuer import client_metadata, clients
from controlplane.issuer.addresses import oauth_url
from controlplane.issuer.client_metadata import ClientMetadata, InvalidMetadataError
from controlplane.issuer.clients import TooManyRegistrationsError
from controlplane.issuer.models import Client
from controlplane.issuer.server import TenantServer
from controlplane.issuer.views import of_tenant, open_to_programs, problem
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import ParseError
from tenants.lookups import TenantSummary

MAX_BYTES = 64 * 1024


class RegistrationRequest:
    """What Authlib's endpoints read of a request."""

    def __init__(self, request: HttpRequest, data: Mapping[str, Any], client_id: str = "") -> None:
        self.method = request.method
        self.headers = request.headers
        self.payload = self
        self.data = dict(data)
        self.client_id = client_id


class MetadataError(OAuth2Error):
    def __init__(self, error: InvalidMetadataError) -> None:
        super().__init__(error=error.code)
        self.description = str(error)


class Registration(ClientRegistrationEndpoint):
    """Open to everyone: MCP clients meet an issuer for the first time. Consent is where people decide."""

    def create_endpoint_request(self, request: RegistrationRequest) -> RegistrationRequest:
        return request

    def authenticate_token(self, request: RegistrationRequest) -> str:
        return "open"

    def extract_client_metadata(self, request: RegistrationRequest) -> ClientMetadata:
        return _checked(request)

    def create_registration_response(self, request: RegistrationRequest) -> tuple[int, dict[str, Any], list[Any]]:
        try:
            client, secret, token = clients.register(self.extract_client_metadata(request))
        except TooManyRegistrationsError:
            error = OAuth2Error(
                error="temporarily_unavailable", description="Too many registrations in this minute: try the next one."
            )
            error.status_code = 429
            raise error from None
        return 201, {**_about(client, self.server.tenant.slug), **_secrets(secret, token)}, [_NO_STORE]


class Configuration(ClientConfigurationEndpoint):
    """For who holds the registration token. A wrong token and an unknown client are answered the same way."""

    def create_endpoint_request(self, request: RegistrationRequest) -> RegistrationRequest:
        return request

    def authenticate_token(self, request: RegistrationRequest) -> Client:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        client = clients.managed_by(token.strip(), request.client_id) if scheme.lower() == "bearer" else None
        if client is None:
            error = OAuth2Error(error="invalid_token", description="The registration token is not valid.")
            error.status_code = 401
            raise error
        return client

    def create_configuration_response(self, request: RegistrationRequest) -> tuple[int, Any, list[Any]]:
        client = self.authenticate_token(request)
        if request.method == "DELETE":
            clients.remove(client)
            return 204, "", [_NO_STORE]
        if request.method == "PUT":
            client = self._replaced(client, request)
        return 200, _about(client, self.server.tenant.slug), [_NO_STORE]

    def _replaced(self, client: Client, request: RegistrationRequest) -> Client:
        data = request.data
        forbidden = {"registration_access_token", "registration_client_uri", "client_secret_expires_at"}
        if data.get("client_id") != client.client_id or (forbidden | {"client_id_issued_at"}) & data.keys():
            raise MetadataError(InvalidMetadataError("Send client_id and the metadata, and no other member."))
        secret = data.pop("client_secret", None)
        if secret is not None and not (isinstance(secret, str) and client.check_client_secret(secret)):
            raise MetadataError(InvalidMetadataError("client_secret is not the client's."))
        metadata = _checked(request)
        if metadata.confidential and client.secret_digest is None:
            raise MetadataError(InvalidMetadataError("A public client stays public: register another one."))
        return clients.change(client, metadata)


@open_to_programs("POST")
@of_tenant
def register(request: HttpRequest, tenant: TenantSummary) -> HttpResponse:
    return _respond(request, tenant, Registration())


@open_to_programs("GET", "PUT", "DELETE")
@of_tenant
def configure(request: HttpRequest, tenant: TenantSummary, client_id: str) -> HttpResponse:
    return _respond(request, tenant, Configuration(), client_id)


def _respond(
    request: HttpRequest, tenant: TenantSummary, endpoint: Registration | Configuration, client_id: str = ""
) -> HttpResponse:
    data: Any = {}
    if request.method in ("POST", "PUT"):
        if request.content_type != "application/json":
            return problem(400, "invalid_client_metadata", "Send the metadata as application/json.")
        try:
            data = codec.read(request.body, max_bytes=MAX_BYTES)
        except ParseError as error:
            return problem(400, "invalid_client_metadata", str(error))
        if not isinstance(data, dict):
            return problem(400, "invalid_client_metadata", "The metadata must be an object.")
    server = TenantServer(tenant)
    server.register_endpoint(endpoint)
    wanted = RegistrationRequest(request, data, client_id)
    response: HttpResponse = server.create_endpoint_response(endpoint.ENDPOINT_NAME, wanted)
    return response


def _checked(request: RegistrationRequest) -> ClientMetadata:
    try:
        return client_metadata.check(request.data)
    except InvalidMetadataError as error:
        raise MetadataError(error) from None


def _about(client: Client, tenant: str) -> dict[str, Any]:
    """RFC 7591 section 3.2.1."""
    return {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created_at.timestamp()),
        "registration_client_uri": oauth_url(tenant, f"register/{client.client_id}"),
        **client.metadata,
    }


def _secrets(secret: str | None, token: str) -> dict[str, Any]:
    """Public clients get no secret, not even an empty one."""
    told: dict[str, Any] = {"registration_access_token": token}
    return {**told, "client_secret": secret, "client_secret_expires_at": 0} if secret else told


_NO_STORE = ("Cache-Control", "no-store")
