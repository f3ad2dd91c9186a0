"""Servers that are HTTP APIs: looked at, imported, followed.

These views wait for other people's addresses and read large documents, so they do not hold a transaction meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from asgiref.sync import async_to_sync
from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.api.serializers import ComponentsSerializer, RevisionSerializer
from controlplane.registry import services
from controlplane.registry.changes import Changes, changes
from controlplane.registry.errors import ImportFailed
from controlplane.registry.models import Server
from controlplane.registry.openapi import services as apis
from controlplane.registry.openapi.services import Looked, Pinned
from controlplane.registry.openapi.settings import ApiSettings, read_settings
from controlplane.vault import services as vault
from mcp_runtime.sandbox.store import Store
from tenants.context import acting_for

MAX_LISTED = 2_000
"""Operations in an answer."""


class DocumentSerializer(serializers.Serializer[Any]):
    document = serializers.CharField(
        required=False,
        allow_blank=True,
        trim_whitespace=False,
        default="",
        write_only=True,
        help_text="JSON or YAML. Without one it is fetched from settings.url; with neither, the one saved is used.",
    )
    settings = serializers.DictField(
        required=False,
        default=dict,
        help_text="url, base_url, rules, operations, security, answers; see the guide on APIs.",
    )


class SyncSerializer(serializers.Serializer[Any]):
    dry_run = serializers.BooleanField(default=False, help_text="Only say what would change.")


class CredentialNeedSerializer(serializers.Serializer[Any]):
    """A way in that operations name, and the secrets it takes."""

    scheme = serializers.CharField()
    kind = serializers.CharField()
    secrets = serializers.ListField(child=serializers.CharField())
    set = serializers.BooleanField(help_text="Whether the server has all of them.")


class OperationSerializer(serializers.Serializer[Any]):
    operation = serializers.CharField(help_text="What it is called in settings.operations.")
    method = serializers.CharField()
    path = serializers.CharField()
    summary = serializers.CharField(allow_blank=True)
    becomes = serializers.CharField(help_text="tool, resource, template or nothing.")
    name = serializers.CharField(allow_blank=True)
    tags = serializers.ListField(child=serializers.CharField())


class LeftOutOperationSerializer(serializers.Serializer[Any]):
    """An operation that cannot be served, and why."""

    operation = serializers.CharField()
    reason = serializers.CharField()


class LookedAtSerializer(serializers.Serializer[Any]):
    """What a document is, and what becomes of it."""

    title = serializers.CharField()
    version = serializers.CharField(allow_blank=True)
    base_url = serializers.CharField()
    components = ComponentsSerializer()
    credentials = CredentialNeedSerializer(many=True)
    operations = OperationSerializer(many=True, help_text=f"The first {MAX_LISTED} of the document.")
    operations_total = serializers.IntegerField()
    left_out = LeftOutOperationSerializer(many=True)


class ChangesSerializer(serializers.Serializer[Any]):
    """Components, as in `tools/list_pets`."""

    added = serializers.ListField(child=serializers.CharField())
    removed = serializers.ListField(child=serializers.CharField())
    changed = serializers.ListField(child=serializers.CharField())


class ImportedSerializer(serializers.Serializer[Any]):
    changed = serializers.BooleanField(help_text="Whether there is a new revision.")
    revision = RevisionSerializer()
    found = LookedAtSerializer()
    changes = ChangesSerializer()


class SavedApiSerializer(serializers.Serializer[Any]):
    settings = serializers.DictField()
    base_url = serializers.CharField()
    credentials = CredentialNeedSerializer(many=True)


class ApiView(TenantView):
    """The handler opens its own transactions."""

    parser_classes = (JSONParser,)

    def _act(self, handler: Callable[..., Response], request: Request, *, tenant: str, **names: str) -> Response:
        return handler(request, **names)

    def imported(self, slug: str, looked: Looked, *, dry_run: bool = False, always: bool = False) -> Response:
        with acting_for(self.principal.tenant):
            server = services.servers().filter(slug=slug).first()
            before = server.current_revision.manifest if server and server.current_revision else None
            if dry_run:
                assert server is not None
                assert server.current_revision is not None
                revision, changed = server.current_revision, False
            else:
                revision, changed = apis.save(
                    slug, looked, Store(settings.STOA_STORE), acting=self.principal, always=always
                )
            body = {
                "changed": changed,
                "revision": revision,
                "found": _found(looked, _secrets_of(revision.server)),
                "changes": _shown(changes(before, apis.plain_manifest(looked))),
            }
            return Response(ImportedSerializer(body, context={"tenant": self.kwargs["tenant"]}).data)


class Preview(ApiView):
    permissions: ClassVar = {"post": "servers:write"}

    @extend_schema(operation_id="openapi_preview", request=DocumentSerializer, responses=LookedAtSerializer)
    def post(self, request: Request) -> Response:
        """Read an OpenAPI document and say what would become of it. Nothing is saved."""
        wanted, document = _wanted(request)
        if document is None and not wanted.url:
            raise _nothing_given()
        return Response(LookedAtSerializer(_found(_looked_at(wanted, document), frozenset())).data)


class Api(ApiView):
    permissions: ClassVar = {"get": "servers:read", "put": "servers:write"}

    @extend_schema(operation_id="servers_get_openapi", responses=SavedApiSerializer)
    def get(self, request: Request, server: str) -> Response:
        """What was said of an API when it was imported, and the secrets that it takes."""
        with acting_for(self.principal.tenant):
            found = services.find_server(server)
            said, pinned = apis.settings_of(found)
            body = {
                "settings": apis.plain_settings(said),
                "base_url": pinned.base_url,
                "credentials": _needs(pinned, _secrets_of(found)),
            }
            return Response(SavedApiSerializer(body).data)

    @extend_schema(operation_id="servers_set_openapi", request=DocumentSerializer, responses=ImportedSerializer)
    def put(self, request: Request, server: str) -> Response:
        """Import an API under this name, or give a saved one another document or other settings."""
        wanted, document = _wanted(request)
        if document is None and not wanted.url:
            with acting_for(self.principal.tenant):
                found = services.servers().filter(slug=server).first()
                if found is None:
                    raise _nothing_given()
                apis.settings_of(found)
                document = apis.stored_document(found, Store(settings.STOA_STORE))
        return self.imported(server, _looked_at(wanted, document), always=True)


class Sync(ApiView):
    permissions: ClassVar = {"post": "servers:write"}

    @extend_schema(operation_id="servers_sync_openapi", request=SyncSerializer, responses=ImportedSerializer)
    def post(self, request: Request, server: str) -> Response:
        """Fetch an API's document again, and follow what it says now. Where credentials are sent stays as it was."""
        wanted = SyncSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        with acting_for(self.principal.tenant):
            found = services.find_server(server)
            said, pinned = apis.settings_of(found)
        if not said.url:
            raise ImportFailed(
                f"The document of '{found.slug}' was uploaded: there is no address to fetch it from.",
                code="no_document",
                hint="Upload it again: PUT …/openapi, or `stoa openapi add`.",
            )
        return self.imported(found.slug, _looked_at(said, None, pinned), dry_run=wanted.validated_data["dry_run"])


def _wanted(request: Request) -> tuple[ApiSettings, bytes | None]:
    wanted = DocumentSerializer(data=request.data)
    wanted.is_valid(raise_exception=True)
    document = wanted.validated_data["document"]
    return read_settings(wanted.validated_data["settings"]), document.encode() if document else None


def _looked_at(said: ApiSettings, document: bytes | None, pinned: Pinned | None = None) -> Looked:
    return async_to_sync(apis.looked_at)(said, document, networks=settings.STOA_FETCH_NETWORKS, pinned=pinned)


def _found(looked: Looked, secrets: frozenset[str]) -> dict[str, Any]:
    result = looked.imported
    pinned = Pinned(result.api.base_url, dict(result.api.schemes))
    return {
        "title": result.title,
        "version": result.version,
        "base_url": result.api.base_url,
        "components": {
            "tools": [str(one["name"]) for one in result.manifest.tools],
            "resources": [str(one["uri"]) for one in result.manifest.resources],
            "resource_templates": [str(one["uriTemplate"]) for one in result.manifest.resource_templates],
            "prompts": [],
        },
        "credentials": _needs(pinned, secrets),
        "operations": result.listed[:MAX_LISTED],
        "operations_total": len(result.listed),
        "left_out": result.left_out,
    }


def _needs(pinned: Pinned, secrets: frozenset[str]) -> list[dict[str, Any]]:
    return [
        {"scheme": name, "kind": scheme.kind, "secrets": list(scheme.secrets), "set": secrets >= set(scheme.secrets)}
        for name, scheme in pinned.schemes.items()
    ]


def _secrets_of(server: Server) -> frozenset[str]:
    """Their names."""
    return frozenset(info.name for info in vault.list_secrets(server.id, acting=None))


def _shown(found: Changes) -> dict[str, list[str]]:
    return {"added": list(found.added), "removed": list(found.removed), "changed": list(found.changed)}


def _nothing_given() -> ImportFailed:
    return ImportFailed(
        "There is neither a document nor an address of one.",
        code="no_document",
        hint="Send `document`, or `settings.url`.",
    )
