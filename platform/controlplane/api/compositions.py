"""The API's documents about endpoints: drafts, previews, versions."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from controlplane.composition import document
from controlplane.composition.compiler import Compiled
from controlplane.composition.models import Endpoint, EndpointVersion
from controlplane.composition.services import composed, drafted, endpoint_url
from mcp_runtime.ports.plans import Component, PlanDocument
from mcp_runtime.ports.workers import KEYS
from tenants.identifiers import SLUG_RULE


def _openapi(schema: Any) -> Any:
    """The schema as the API's description takes it: no empty `required`, and a type for each choice of texts."""
    if isinstance(schema, list):
        return [_openapi(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: _openapi(value) for key, value in schema.items() if (key, value) != ("required", [])}
    choices = told.get("enum")
    if isinstance(choices, list) and all(isinstance(choice, str) for choice in choices):
        told.setdefault("type", "string")
    return told


class CompositionSerializer(serializers.Serializer[Any]):
    """What an endpoint is made of. Read by `composition.document`, which names the place of a fault."""

    def to_internal_value(self, data: Any) -> Any:
        return data

    def to_representation(self, instance: Any) -> Any:
        return instance


class _CompositionInSchema(OpenApiSerializerExtension):
    target_class = CompositionSerializer

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        return {**_openapi(document.schema()), "description": "What an endpoint is made of."}


class EndpointSerializer(serializers.ModelSerializer[Endpoint]):
    name = serializers.CharField(source="slug")
    url = serializers.SerializerMethodField(help_text="Where MCP clients connect.")
    version = serializers.SerializerMethodField(help_text="The published version; null before the first.")
    has_draft = serializers.SerializerMethodField(help_text="Whether there are changes that are not published.")

    class Meta:
        model = Endpoint
        fields: tuple[str, ...] = ("id", "name", "url", "version", "has_draft", "created_at", "created_by")
        read_only_fields = fields

    def get_url(self, endpoint: Endpoint) -> str:
        return endpoint_url(self.context["tenant"], endpoint.slug)

    def get_version(self, endpoint: Endpoint) -> int | None:
        return endpoint.published.number if endpoint.published else None

    def get_has_draft(self, endpoint: Endpoint) -> bool:
        return endpoint.draft is not None


class EndpointDetailSerializer(EndpointSerializer):
    composition = serializers.SerializerMethodField(help_text="What is published.")
    draft = serializers.SerializerMethodField(help_text="What it shall become; null without a draft.")

    class Meta(EndpointSerializer.Meta):
        fields = (*EndpointSerializer.Meta.fields, "composition", "draft")
        read_only_fields = fields

    @extend_schema_field(CompositionSerializer)
    def get_composition(self, endpoint: Endpoint) -> Any:
        return document.write(composed(endpoint))

    @extend_schema_field(CompositionSerializer(allow_null=True))
    def get_draft(self, endpoint: Endpoint) -> Any:
        return None if endpoint.draft is None else document.write(drafted(endpoint))


class NewEndpointSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100, help_text=f"Of its address: {SLUG_RULE}.")
    composition = CompositionSerializer(required=False, default=dict, help_text="Its draft. Default: without members.")


class CloneSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100, help_text=f"Of the new endpoint: {SLUG_RULE}.")


class PublishSerializer(serializers.Serializer[Any]):
    note = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=500, help_text="Why; shown in the history."
    )


class RestoreSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=2_147_483_647,
        help_text="The version to compose it like; else the newest that was composed differently.",
    )


class FindingSerializer(serializers.Serializer[Any]):
    """What the compiler says about a composition."""

    severity = serializers.ChoiceField(["error", "warning", "note"], help_text="Only errors keep it from publishing.")
    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)
    where = serializers.CharField(allow_blank=True, help_text="A path in the composition, where it is about one.")


class ShownComponentSerializer(serializers.Serializer[Any]):
    """A component as clients see it, beside what its server says."""

    name = serializers.CharField(help_text="Its public name, URI or URI template.")
    server = serializers.CharField()
    upstream_name = serializers.CharField(help_text="What it is called at the server.")
    definition = serializers.JSONField()
    original = serializers.JSONField(allow_null=True, help_text="What the server says; null when that is the same.")
    fixed = serializers.JSONField(help_text="Arguments that every call has.")
    hidden = serializers.ListField(child=serializers.CharField(), help_text="Arguments that clients may not send.")
    policies = serializers.ListField(child=serializers.CharField(), help_text="Names of the policies for its calls.")


class HeldSerializer(serializers.Serializer[Any]):
    """A definition that is kept from clients until somebody approves it."""

    id = serializers.CharField(help_text="Names this definition. When the server changes it again, that has another.")
    server = serializers.CharField()
    kind = serializers.CharField(help_text="tools, resources, resource_templates, prompts or instructions.")
    name = serializers.CharField(help_text="What it is called at the server.")
    reason = serializers.ChoiceField(["new", "changed", "refused"])
    definition = serializers.JSONField(help_text="What the server says now.")
    approved = serializers.JSONField(allow_null=True, help_text="What was approved before; null when nothing was.")
    fields_changed = serializers.ListField(source="fields", child=serializers.CharField())
    diff = serializers.CharField(help_text="From what was approved to what the server says now.")


class DecisionSerializer(serializers.Serializer[Any]):
    ids = serializers.ListField(
        child=serializers.CharField(max_length=64), min_length=1, max_length=10_000, help_text="Of held definitions."
    )


class DecidedSerializer(serializers.Serializer[Any]):
    version = serializers.IntegerField(allow_null=True, help_text="The version published by it; null when none was.")


class PreviewSerializer(serializers.Serializer[Any]):
    """What publishing would serve."""

    valid = serializers.BooleanField(help_text="Whether it can be published.")
    findings = FindingSerializer(many=True)
    server_name = serializers.CharField(allow_null=True)
    instructions = serializers.CharField(allow_null=True)
    tools = ShownComponentSerializer(many=True)
    resources = ShownComponentSerializer(many=True)
    resource_templates = ShownComponentSerializer(many=True)
    prompts = ShownComponentSerializer(many=True)


class VersionSerializer(serializers.ModelSerializer[EndpointVersion]):
    current = serializers.SerializerMethodField(help_text="Whether it is the one that is served.")

    class Meta:
        model = EndpointVersion
        fields: tuple[str, ...] = ("id", "number", "current", "cause", "note", "created_at", "created_by")
        read_only_fields = fields

    def get_current(self, version: EndpointVersion) -> bool:
        return bool(version.endpoint.published_id == version.id)


class ChangeSerializer(serializers.Serializer[Any]):
    """Something that clients find different."""

    kind = serializers.CharField(
        help_text="tools, resources, resource_templates, prompts, members, policies or introduction."
    )
    name = serializers.CharField()
    what = serializers.ChoiceField(["added", "removed", "changed"])
    fields_changed = serializers.ListField(source="fields", child=serializers.CharField())


class VersionDetailSerializer(VersionSerializer):
    composition = serializers.SerializerMethodField(help_text="What it was compiled from.")
    compared_with = serializers.SerializerMethodField(help_text="The version before; null for the first.")
    changes = serializers.SerializerMethodField()

    class Meta(VersionSerializer.Meta):
        fields = (*VersionSerializer.Meta.fields, "composition", "compared_with", "changes")
        read_only_fields = fields

    @extend_schema_field(CompositionSerializer(allow_null=True))
    def get_composition(self, version: EndpointVersion) -> Any:
        return version.composition

    def get_compared_with(self, version: EndpointVersion) -> int | None:
        number: int | None = self.context["compared_with"]
        return number

    @extend_schema_field(ChangeSerializer(many=True))
    def get_changes(self, version: EndpointVersion) -> Any:
        return ChangeSerializer(self.context["changes"], many=True).data


def preview_document(compiled: Compiled) -> dict[str, Any]:
    """The answer of a preview, for PreviewSerializer."""
    plan = compiled.plan
    return {
        "valid": plan is not None and bool(plan.members),
        "findings": compiled.findings,
        "server_name": plan.server_name if plan else None,
        "instructions": plan.instructions if plan else None,
        **{kind: _shown(compiled, plan, kind) if plan else [] for kind in KEYS},
    }


def _shown(compiled: Compiled, plan: PlanDocument, kind: str) -> list[dict[str, Any]]:
    key = KEYS[kind]
    own = [{str(one[key]): one for one in getattr(server.manifest, kind)} for server in compiled.members]
    components: tuple[Component, ...] = getattr(plan, kind)
    return [
        {
            "name": one.definition[key],
            "server": compiled.members[one.member].slug,
            "upstream_name": one.upstream_name,
            "definition": one.definition,
            "original": None if one.definition == (said := own[one.member][one.upstream_name]) else said,
            "fixed": one.fixed,
            "hidden": one.hidden,
            "policies": [plan.policies[index].name for index in one.policies],
        }
        for one in components
    ]
