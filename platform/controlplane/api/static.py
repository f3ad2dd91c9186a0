"""Servers made of data alone."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.api.serializers import RevisionSerializer
from controlplane.registry import services
from controlplane.registry.static import services as statics
from controlplane.registry.static.document import read_document


class StaticSerializer(serializers.Serializer[Any]):
    document = serializers.DictField(
        help_text="title, instructions, resources, prompts, tools, security; see the guide on static servers."
    )


class StaticSavedSerializer(serializers.Serializer[Any]):
    changed = serializers.BooleanField(help_text="Whether there is a new revision.")
    revision = RevisionSerializer()
    secrets = serializers.ListField(child=serializers.CharField(), help_text="Names of the secrets that it takes.")


class Static(TenantView):
    permissions: ClassVar = {"get": "servers:read", "put": "servers:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="servers_get_static", responses=StaticSerializer)
    def get(self, request: Request, server: str) -> Response:
        """The document of a static server."""
        return Response({"document": statics.document_of(services.find_server(server))})

    @extend_schema(operation_id="servers_set_static", request=StaticSerializer, responses=StaticSavedSerializer)
    def put(self, request: Request, server: str) -> Response:
        """Make a server of this document, or give a saved one another. What is the same already changes nothing."""
        wanted = StaticSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        document = read_document(wanted.validated_data["document"])
        revision, changed, made = statics.save(server, document, acting=self.principal)
        secrets = sorted({secret for scheme in made.api.schemes.values() for secret in scheme.secrets})
        body = {"changed": changed, "revision": revision, "secrets": secrets}
        return Response(StaticSavedSerializer(body, context={"tenant": self.kwargs["tenant"]}).data)
