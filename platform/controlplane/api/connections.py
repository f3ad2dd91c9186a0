"""Connections: how a server that runs elsewhere lets its callers in, and who is connected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from asgiref.sync import async_to_sync
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.connections import logins, upstreams
from controlplane.connections.models import Connection, Upstream
from controlplane.registry import services
from controlplane.registry.models import Server
from controlplane.registry.source import Source, checked
from tenants.context import acting_for
from tenants.roles import require


class NewUpstreamSerializer(serializers.Serializer[Any]):
    url = serializers.CharField(max_length=2_048)
    shared = serializers.BooleanField(
        default=False, help_text="One connection for the whole tenant; else each caller has their own."
    )
    client_id = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=500,
        help_text="Of a registration made there by hand. Else we register.",
    )
    client_secret = serializers.CharField(default="", allow_blank=True, max_length=2_000, write_only=True)
    scope = serializers.CharField(default="", allow_blank=True, max_length=2_000)


class UpstreamSerializer(serializers.ModelSerializer[Upstream]):
    class Meta:
        model = Upstream
        fields = ("url", "shared", "issuer", "resource", "scope", "created_at", "created_by")
        read_only_fields = fields


class ConnectionSerializer(serializers.ModelSerializer[Connection]):
    class Meta:
        model = Connection
        fields = ("id", "owner", "state", "scope", "expires_at", "connected_at", "connected_by", "refreshed_at")
        read_only_fields = fields


class TokenSerializer(serializers.Serializer[Any]):
    token = serializers.CharField(max_length=20_000, write_only=True)


class BegunLoginSerializer(serializers.Serializer[Any]):
    authorization_url = serializers.CharField(
        help_text="To be opened in the caller's own browser, where they are signed in here."
    )


class UpstreamLogin(TenantView):
    permissions: ClassVar = {"get": "servers:read", "put": "servers:write", "delete": "servers:write"}
    parser_classes = (JSONParser,)

    def _act(self, handler: Callable[..., Response], request: Request, *, tenant: str, **names: str) -> Response:
        """PUT waits for other people's servers, and so opens its own transactions."""
        if request.method == "PUT":
            return handler(request, **names)
        return super()._act(handler, request, tenant=tenant, **names)

    @extend_schema(operation_id="upstream_get", responses=UpstreamSerializer)
    def get(self, request: Request, server: str) -> Response:
        """How callers of the server log in."""
        return Response(UpstreamSerializer(upstreams.find(services.find_server(server).id)).data)

    @extend_schema(operation_id="upstream_set", request=NewUpstreamSerializer, responses=UpstreamSerializer)
    def put(self, request: Request, server: str) -> Response:
        """Find out how callers log in at a server elsewhere, and register there. A new name registers the server."""
        wanted = NewUpstreamSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        data = wanted.validated_data
        if data["client_secret"]:
            require(self.principal, "secrets:write")
        checked(Source(url=data["url"]))
        guard, client, scope = async_to_sync(upstreams.find_out)(
            data["url"],
            tenant=self.kwargs["tenant"],
            client_id=data["client_id"],
            client_secret=data["client_secret"],
            scope=data["scope"],
        )
        with acting_for(self.principal.tenant):
            found = services.registered(server, kind=Server.Kind.REMOTE, acting=self.principal)
            saved = upstreams.save(
                found.id, data["url"], guard, client, scope, shared=data["shared"], acting=self.principal
            )
            return Response(UpstreamSerializer(saved).data)

    @extend_schema(operation_id="upstream_remove", responses={204: None})
    def delete(self, request: Request, server: str) -> Response:
        """Forget it, and every connection with it."""
        upstreams.remove(services.find_server(server).id, acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ServerConnection(TenantView):
    permissions: ClassVar = {"get": "mcp:call", "post": "mcp:call", "put": "mcp:call", "delete": "mcp:call"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="connection_get", responses={200: ConnectionSerializer, 204: None})
    def get(self, request: Request, server: str) -> Response:
        """The caller's connection, or the tenant's; nothing where there is none."""
        row = logins.connection_of(services.find_server(server).id, acting=self.principal)
        return Response(ConnectionSerializer(row).data) if row else Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="connection_begin", request=None, responses={201: BegunLoginSerializer})
    def post(self, request: Request, server: str) -> Response:
        """Begin a log-in at the upstream. It ends in the browser in which the caller is signed in here."""
        found = services.find_server(server)
        address = logins.begin(found.id, tenant=self.kwargs["tenant"], acting=self.principal)
        return Response(BegunLoginSerializer({"authorization_url": address}).data, status=status.HTTP_201_CREATED)

    @extend_schema(operation_id="connection_set_token", request=TokenSerializer, responses={204: None})
    def put(self, request: Request, server: str) -> Response:
        """Connect with a token that the upstream gave some other way. It is sealed, and never shown again."""
        wanted = TokenSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        found = services.find_server(server)
        logins.set_token(found.id, wanted.validated_data["token"], acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="connection_end", responses={204: None})
    def delete(self, request: Request, server: str) -> Response:
        """Disconnect. Calls stop using the connection within seconds."""
        logins.disconnect(services.find_server(server).id, acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)
