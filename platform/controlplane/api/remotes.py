"""Servers that run elsewhere: probed, saved, refreshed.

These views wait for other people's servers, so they do not hold a transaction meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.api.serializers import RevisionSerializer
from controlplane.connections import probing
from controlplane.registry import remotes, services
from controlplane.registry.models import Server
from controlplane.registry.probing import Found
from controlplane.registry.source import CREDENTIAL, Source
from controlplane.vault import services as vault
from tenants.context import acting_for
from tenants.roles import require


class CredentialSerializer(serializers.Serializer[Any]):
    """What lets us in. It is sealed, and never shown again."""

    header = serializers.CharField(default="Authorization", max_length=100)
    scheme = serializers.CharField(
        default="Bearer", allow_blank=True, max_length=40, help_text="What stands before it in the header."
    )
    value = serializers.CharField(write_only=True, max_length=20_000)


class RemoteSerializer(serializers.Serializer[Any]):
    url = serializers.CharField(max_length=2_048)
    transport = serializers.ChoiceField(["auto", "streamable-http", "sse"], default="auto")
    credential = CredentialSerializer(required=False, allow_null=True, default=None)


class LeftOutSerializer(serializers.Serializer[Any]):
    """A component that cannot be served, and why."""

    kind = serializers.CharField()
    name = serializers.CharField()
    reason = serializers.CharField()


class FoundSerializer(serializers.Serializer[Any]):
    """What answered."""

    server_name = serializers.CharField(source="manifest.name")
    server_version = serializers.CharField(source="manifest.version")
    transport = serializers.CharField()
    era = serializers.CharField(source="source.era", help_text="The protocol version that it speaks.")
    tools = serializers.SerializerMethodField()
    resources = serializers.SerializerMethodField()
    resource_templates = serializers.SerializerMethodField()
    prompts = serializers.SerializerMethodField()
    left_out = LeftOutSerializer(many=True)

    def get_tools(self, found: Found) -> list[str]:
        return [str(one["name"]) for one in found.manifest.tools]

    def get_resources(self, found: Found) -> list[str]:
        return [str(one["uri"]) for one in found.manifest.resources]

    def get_resource_templates(self, found: Found) -> list[str]:
        return [str(one["uriTemplate"]) for one in found.manifest.resource_templates]

    def get_prompts(self, found: Found) -> list[str]:
        return [str(one["name"]) for one in found.manifest.prompts]


class SavedSerializer(serializers.Serializer[Any]):
    changed = serializers.BooleanField(help_text="Whether there is a new revision.")
    revision = RevisionSerializer()
    found = FoundSerializer()


class RemoteView(TenantView):
    """The handler opens its own transactions."""

    parser_classes = (JSONParser,)

    def _act(self, handler: Callable[..., Response], request: Request, *, tenant: str, **names: str) -> Response:
        return handler(request, **names)

    def saved(self, slug: str, found: Found, secret: str | None, *, always: bool) -> Response:
        """All of it or nothing: revision, endpoints and credential change together."""
        with acting_for(self.principal.tenant):
            if secret is not None:
                server = services.registered(slug, kind=Server.Kind.REMOTE, acting=self.principal)
                vault.set_secret(server.id, CREDENTIAL, secret, acting=self.principal)
            revision, changed = remotes.save(slug, found, acting=self.principal, always=always)
            body = {"changed": changed, "revision": revision, "found": found}
            return Response(SavedSerializer(body, context={"tenant": self.kwargs["tenant"]}).data)


class Probe(RemoteView):
    permissions: ClassVar = {"post": "servers:write"}

    @extend_schema(operation_id="remotes_probe", request=RemoteSerializer, responses=FoundSerializer)
    def post(self, request: Request) -> Response:
        """Ask a server elsewhere who it is and what it offers. Nothing is saved."""
        source, secret = _wanted(request)
        return Response(FoundSerializer(probing.asked(source, secret)).data)


class Remote(RemoteView):
    permissions: ClassVar = {"put": "servers:write"}

    @extend_schema(operation_id="servers_set_remote", request=RemoteSerializer, responses=SavedSerializer)
    def put(self, request: Request, server: str) -> Response:
        """Probe a server elsewhere and save it under this name, or give a saved one another address or credential."""
        source, secret = _wanted(request)
        if secret is not None:
            require(self.principal, "secrets:write")
        found = probing.probed(server, source, secret, acting=self.principal)
        return self.saved(server, found, secret, always=True)


class Refresh(RemoteView):
    permissions: ClassVar = {"post": "servers:write"}

    @extend_schema(operation_id="servers_refresh", request=None, responses=SavedSerializer)
    def post(self, request: Request, server: str) -> Response:
        """Ask a saved server what it offers now. Endpoints that mount it follow when that changed."""
        found = probing.probed_again(server, acting=self.principal)
        with acting_for(self.principal.tenant):
            slug = services.find_server(server).slug
        return self.saved(slug, found, None, always=False)


def _wanted(request: Request) -> tuple[Source, str | None]:
    wanted = RemoteSerializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    data = wanted.validated_data
    shown = data["credential"]
    if shown is None:
        return Source(url=data["url"], transport=data["transport"]), None
    source = Source(url=data["url"], transport=data["transport"], header=shown["header"], scheme=shown["scheme"])
    return source, shown["value"]
