"""Servers, their revisions and their secrets."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.core.files.base import ContentFile
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import JSONParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.api.serializers import (
    HostsSerializer,
    NewServerSerializer,
    RevisionSerializer,
    RevisionSummarySerializer,
    RollbackSerializer,
    SecretSerializer,
    SecretValueSerializer,
    ServerSerializer,
    UploadSerializer,
)
from controlplane.registry import launching, remotes, services
from controlplane.vault import services as vault
from mcp_runtime.sandbox.store import Store


class Servers(TenantView):
    permissions: ClassVar = {"get": "servers:read", "post": "servers:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="servers_list", responses=ServerSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every server of the tenant."""
        context = {"tenant": self.kwargs["tenant"]}
        return Response(ServerSerializer(services.servers(), many=True, context=context).data)

    @extend_schema(operation_id="servers_create", request=NewServerSerializer, responses={201: ServerSerializer})
    def post(self, request: Request) -> Response:
        """Register a server, and with it the endpoint of the same name. Registering it again changes nothing."""
        wanted = NewServerSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        server = services.register(wanted.validated_data["name"], acting=self.principal)
        context = {"tenant": self.kwargs["tenant"]}
        return Response(ServerSerializer(server, context=context).data, status=status.HTTP_201_CREATED)


class ServerDetail(TenantView):
    permissions: ClassVar = {"get": "servers:read", "patch": "servers:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="servers_get", responses=ServerSerializer)
    def get(self, request: Request, server: str) -> Response:
        """One server, by name or identifier."""
        found = services.find_server(server)
        return Response(ServerSerializer(found, context={"tenant": self.kwargs["tenant"]}).data)

    @extend_schema(operation_id="servers_set_hosts", request=HostsSerializer, responses=ServerSerializer)
    def patch(self, request: Request, server: str) -> Response:
        """Grant its code these hosts, and no others. Without any it has no network."""
        wanted = HostsSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        hosts = wanted.validated_data["hosts"]
        changed = services.set_hosts(services.find_server(server), hosts, acting=self.principal)
        return Response(ServerSerializer(changed, context={"tenant": self.kwargs["tenant"]}).data)


class Revisions(TenantView):
    permissions: ClassVar = {"get": "servers:read", "post": "servers:write"}
    parser_classes = (MultiPartParser,)

    @extend_schema(operation_id="revisions_list", responses=RevisionSummarySerializer(many=True))
    def get(self, request: Request, server: str) -> Response:
        """The server's newest 50 revisions."""
        revisions = services.revisions_of(services.find_server(server))
        return Response(RevisionSummarySerializer(revisions, many=True).data)

    @extend_schema(operation_id="revisions_create", request=UploadSerializer, responses={202: RevisionSerializer})
    def post(self, request: Request, server: str) -> Response:
        """Deploy: upload a bundle and queue its build. A server that is not there yet is registered."""
        upload = UploadSerializer(data=request.data)
        upload.is_valid(raise_exception=True)
        bundle, command = upload.validated_data.get("bundle"), upload.validated_data["command"]
        if bundle is None:
            packaged = launching.package(command)
            bundle, command = ContentFile(packaged.bundle, name=launching.FILE_NAME), packaged.command
        store = Store(settings.STOA_STORE)
        store.prepare()
        revision = services.submit_revision(
            server,
            bundle=store.add_bundle(bundle),
            file_name=bundle.name,
            entrypoint=upload.validated_data["entrypoint"],
            command=command,
            acting=self.principal,
        )
        context = {"tenant": self.kwargs["tenant"]}
        return Response(RevisionSerializer(revision, context=context).data, status=status.HTTP_202_ACCEPTED)


class RevisionDetail(TenantView):
    permissions: ClassVar = {"get": "servers:read"}

    @extend_schema(operation_id="revisions_get", responses=RevisionSerializer)
    def get(self, request: Request, revision: str) -> Response:
        """One revision: its state, its error, and what it offers."""
        found = services.find_revision(revision)
        return Response(RevisionSerializer(found, context={"tenant": self.kwargs["tenant"]}).data)


class Rollback(TenantView):
    permissions: ClassVar = {"post": "servers:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="servers_roll_back", request=RollbackSerializer, responses=RevisionSerializer)
    def post(self, request: Request, server: str) -> Response:
        """Point back to an earlier revision."""
        wanted = RollbackSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        revision = services.roll_back(
            services.find_server(server), to=wanted.validated_data["revision"], acting=self.principal
        )
        return Response(RevisionSerializer(revision, context={"tenant": self.kwargs["tenant"]}).data)


class Secrets(TenantView):
    permissions: ClassVar = {"get": "secrets:read"}

    @extend_schema(operation_id="secrets_list", responses=SecretSerializer(many=True))
    def get(self, request: Request, server: str) -> Response:
        """The server's secrets, by fingerprint. Values are never told."""
        infos = vault.list_secrets(services.find_server(server).id, acting=self.principal)
        return Response(SecretSerializer(infos, many=True).data)


class SecretDetail(TenantView):
    permissions: ClassVar = {"put": "secrets:write", "delete": "secrets:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="secrets_set", request=SecretValueSerializer, responses=SecretSerializer)
    def put(self, request: Request, server: str, name: str) -> Response:
        """Write or replace a secret. The server's workers start again with it in their environment."""
        wanted = SecretValueSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        value = wanted.validated_data["value"]
        found = services.find_server(server)
        info = vault.set_secret(found.id, name, value, acting=self.principal)
        remotes.secrets_changed(found, acting=self.principal)
        return Response(SecretSerializer(info).data)

    @extend_schema(operation_id="secrets_delete", responses={204: None})
    def delete(self, request: Request, server: str, name: str) -> Response:
        """Forget a secret."""
        found = services.find_server(server)
        vault.delete_secret(found.id, name, acting=self.principal)
        remotes.secrets_changed(found, acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)
