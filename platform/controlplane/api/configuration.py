"""A tenant as one document: read whole, and applied whole.

Applying waits for other people's servers, so the handler opens its own transactions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.declarative import document, texts
from controlplane.declarative.applying import Way, apply
from controlplane.declarative.exporting import export
from mcp_runtime.sandbox.store import Store
from tenants.context import acting_for


class ConfigurationFileSerializer(serializers.Serializer[Any]):
    document = serializers.FileField(allow_empty_file=True, max_length=200, help_text="YAML or JSON, up to 6 MB.")
    prune = serializers.BooleanField(
        default=False, help_text="Delete what a section that the document has does not name."
    )


class AppliedChangeSerializer(serializers.Serializer[Any]):
    section = serializers.CharField()
    name = serializers.CharField()
    action = serializers.ChoiceField(["create", "update", "unchanged", "delete"])
    diff = serializers.CharField(allow_blank=True)
    waits = serializers.ListField(child=serializers.CharField(), help_text="Why it is not as it shall be yet.")
    secrets = serializers.ListField(child=serializers.CharField(), help_text="Secrets that have to be set by hand.")
    revision = serializers.CharField(allow_blank=True, help_text="The revision that is being built.")


class AppliedSerializer(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField()
    changes = AppliedChangeSerializer(many=True)


class Configuration(TenantView):
    permissions: ClassVar = {"get": "servers:write", "post": "servers:write"}
    parser_classes = (MultiPartParser,)

    @property
    def can_be_tried(self) -> bool:
        return True

    def _act(self, handler: Callable[..., Any], request: Request, *, tenant: str, **names: str) -> Any:
        return handler(request, **names)

    @extend_schema(
        operation_id="configuration_export",
        responses={(200, "application/yaml"): OpenApiResponse(OpenApiTypes.STR)},
    )
    def get(self, request: Request) -> HttpResponse:
        """Servers, endpoints and identity providers, as far as the caller may see them; no people and no secret."""
        with acting_for(self.principal.tenant):
            found = export(Store(settings.STOA_STORE), acting=self.principal)
        return HttpResponse(texts.dump(document.write(found)), content_type="application/yaml; charset=utf-8")

    @extend_schema(
        operation_id="configuration_apply",
        parameters=[OpenApiParameter("dry_run", OpenApiTypes.BOOL, description="Do everything, then undo it.")],
        request=ConfigurationFileSerializer,
        responses=AppliedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Make the tenant what the document says: all of it, or nothing. What is so already is left as it is."""
        given = ConfigurationFileSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = document.read(texts.load(given.validated_data["document"].read(texts.MAX_BYTES + 1)))
        way = Way(
            Store(settings.STOA_STORE),
            networks=settings.STOA_FETCH_NETWORKS,
            prune=given.validated_data["prune"],
            dry_run=self.dry_run,
        )
        return Response(AppliedSerializer(apply(wanted, way, acting=self.principal)).data)
