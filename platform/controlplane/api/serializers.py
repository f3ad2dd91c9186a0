"""The API's documents: what is read from requests and written to answers, and so what the schema says."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from controlplane.composition.services import endpoint_url
from controlplane.registry.models import Revision, Server
from mcp_runtime.ports.workers import KEYS


class FailureSerializer(serializers.Serializer[Any]):
    """Why a build failed."""

    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)
    line = serializers.IntegerField(allow_null=True)
    detail = serializers.CharField(allow_blank=True)


class ComponentsSerializer(serializers.Serializer[Any]):
    """The names of what a revision offers."""

    tools = serializers.ListField(child=serializers.CharField())
    resources = serializers.ListField(child=serializers.CharField())
    resource_templates = serializers.ListField(child=serializers.CharField())
    prompts = serializers.ListField(child=serializers.CharField())


class RevisionSerializer(serializers.ModelSerializer[Revision]):
    server: serializers.SlugRelatedField[Server] = serializers.SlugRelatedField("slug", read_only=True)
    url = serializers.SerializerMethodField(help_text="This revision.")
    log_url = serializers.SerializerMethodField(help_text="Its build log, as server-sent events.")
    endpoint_url = serializers.SerializerMethodField(help_text="Where MCP clients reach the server.")
    command = serializers.ListField(child=serializers.CharField(), help_text="Its words; empty without one.")
    error = FailureSerializer(allow_null=True)
    components = serializers.SerializerMethodField(help_text="Null until it is built.")

    class Meta:
        model = Revision
        fields = (
            "id", "server", "number", "status", "entrypoint", "command", "error", "components", "url", "log_url",
            "endpoint_url", "created_at", "created_by", "activated_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_url(self, revision: Revision) -> str:
        return f"{settings.STOA_PUBLIC_URL}/api/v1/tenants/{self.context['tenant']}/revisions/{revision.id}"

    def get_log_url(self, revision: Revision) -> str:
        return f"{self.get_url(revision)}/log"

    def get_endpoint_url(self, revision: Revision) -> str:
        return endpoint_url(self.context["tenant"], revision.server.slug)

    @extend_schema_field(ComponentsSerializer(allow_null=True))
    def get_components(self, revision: Revision) -> Any:
        return components_of(revision)


def components_of(revision: Revision) -> Any:
    """The names in a revision's manifest; None when it has none."""
    if revision.manifest is None:
        return None
    return {kind: [str(component[key]) for component in revision.manifest[kind]] for kind, key in KEYS.items()}


class RevisionSummarySerializer(serializers.ModelSerializer[Revision]):
    class Meta:
        model = Revision
        fields = ("id", "number", "status", "entrypoint", "created_at", "created_by", "activated_at", "finished_at")
        read_only_fields = fields


class HealthSerializer(serializers.Serializer[Any]):
    """How a server elsewhere was when it was last asked."""

    ok = serializers.BooleanField()
    code = serializers.CharField(allow_blank=True)
    message = serializers.CharField(allow_blank=True)


class ServerSerializer(serializers.ModelSerializer[Server]):
    name = serializers.CharField(source="slug")
    endpoint_url = serializers.SerializerMethodField(help_text="Where MCP clients reach it once a revision is active.")
    current_revision = RevisionSummarySerializer(allow_null=True)
    hosts = serializers.ListField(child=serializers.CharField(), help_text="Hosts its code may reach.")
    health = HealthSerializer(allow_null=True, help_text="Of a server elsewhere. Null: not known.")

    class Meta:
        model = Server
        fields = (
            "id",
            "name",
            "kind",
            "endpoint_url",
            "current_revision",
            "hosts",
            "health",
            "checked_at",
            "created_at",
            "created_by",
        )
        read_only_fields = fields

    def get_endpoint_url(self, server: Server) -> str:
        return endpoint_url(self.context["tenant"], server.slug)


class NewServerSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)


class HostsSerializer(serializers.Serializer[Any]):
    hosts = serializers.ListField(child=serializers.CharField(max_length=300), max_length=50, allow_empty=True)


class UploadSerializer(serializers.Serializer[Any]):
    bundle = serializers.FileField(
        required=False, allow_empty_file=True, max_length=200,
        help_text="A .py file, a .zip or a .tar.gz. A command that begins with npx or uvx needs none.",
    )  # fmt: skip
    entrypoint = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=300, help_text="`server.py` or `server.py:mcp`."
    )
    command = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=2_000,
        help_text="For a server of another SDK: what starts it, as a shell reads it, such as `python server.py`. It "
        "speaks MCP on standard input and output.",
    )  # fmt: skip

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "bundle" not in attrs and not attrs["command"]:
            raise serializers.ValidationError({"bundle": ["Send one, or a command that begins with npx or uvx."]})
        return attrs


class RollbackSerializer(serializers.Serializer[Any]):
    revision = serializers.CharField(
        required=False, allow_null=True, default=None, max_length=40, help_text="Its id or number; else the one before."
    )


class SecretValueSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(allow_blank=True, trim_whitespace=False, write_only=True, max_length=40_000)


class SecretSerializer(serializers.Serializer[Any]):
    """All that is ever told about a secret."""

    name = serializers.CharField()
    fingerprint = serializers.CharField()
    updated_at = serializers.DateTimeField()
    updated_by = serializers.CharField(allow_blank=True)


class TenantPlaceSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    slug = serializers.CharField()
    name = serializers.CharField()
    role = serializers.CharField(allow_null=True)
    scopes = serializers.ListField(child=serializers.CharField())


class MeSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["user", "api_key"])
    id = serializers.CharField()
    email = serializers.CharField(allow_null=True)
    tenants = TenantPlaceSerializer(many=True)
