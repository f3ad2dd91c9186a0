"""One tenant's authorization server, made for one request: Authlib's neutral server over our grants and tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import OAuth2Error, OAuth2Payload, OAuth2Request
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict

from controlplane.issuer.addresses import issuer_url
from controlplane.issuer.assertions import AssertionGrant
from controlplane.issuer.clients import find_client
from controlplane.issuer.endpoints import Target
from controlplane.issuer.grants import CodeGrant, DeviceGrant, OwnGrant, Pkce, RefreshGrant
from controlplane.issuer.models import Client, DeviceCode
from controlplane.issuer.tokens import Introspection, Revocation
from tenants.lookups import TenantSummary


class Parameters(OAuth2Payload):
    """Of the query at the authorization endpoint, of the form at the others; never of both."""

    def __init__(self, values: QueryDict) -> None:
        self._values = values

    @cached_property
    def data(self) -> dict[str, str]:
        return {name: str(value) for name, value in self._values.dict().items()}

    @cached_property
    def datalist(self) -> Mapping[str, list[str]]:
        return defaultdict(list, {name: self._values.getlist(name) for name in self._values})


class IssuerRequest(OAuth2Request):
    """A request to a tenant's issuer. Its address is the configured one, whatever the request's headers say."""

    def __init__(self, request: HttpRequest, tenant: str, values: QueryDict) -> None:
        super().__init__(request.method or "", issuer_url(tenant), headers=request.headers)
        self.tenant = tenant
        self.payload = Parameters(values)
        self.target: Target | None = None
        self.device_code: DeviceCode | None = None
        self.vouched: Mapping[str, Any] | None = None
        """What an identity provider of the tenant's signed."""

    @property
    def args(self) -> dict[str, str]:
        return {}

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data if self.method == "POST" else {}


class TenantServer(AuthorizationServer):
    def __init__(self, tenant: TenantSummary) -> None:
        super().__init__()
        self.tenant = tenant
        self.issuer = issuer_url(tenant.slug)
        self.register_grant(CodeGrant, [Pkce(required=True)])
        self.register_grant(RefreshGrant)
        self.register_grant(OwnGrant)
        self.register_grant(DeviceGrant)
        self.register_grant(AssertionGrant)
        self.register_endpoint(Revocation)
        self.register_endpoint(Introspection)

    def query_client(self, client_id: str) -> Client | None:
        return find_client(client_id)

    def save_token(self, token: object, request: object) -> None:
        """Nothing is left to do: the grants keep what is kept."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: IssuerRequest) -> IssuerRequest:
        return request

    def handle_error_response(self, request: IssuerRequest, error: OAuth2Error) -> HttpResponse:
        if error.error == "invalid_client":
            error.status_code = 401  # PROTOCOL O-06, whichever way the client tried to authenticate
        response: HttpResponse = super().handle_error_response(request, error)
        return response

    def handle_response(self, status: int, body: Any, headers: Sequence[tuple[str, str]]) -> HttpResponse:
        response = JsonResponse(body, status=status) if isinstance(body, dict) else HttpResponse(body, status=status)
        for name, value in headers:
            # RFC 9207: every answer that goes back through the browser names its issuer, errors as well.
            response[name] = add_params_to_uri(value, [("iss", self.issuer)]) if name == "Location" else value
        response["Cache-Control"] = "no-store"
        return response
