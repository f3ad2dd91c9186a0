"""API keys: those of the tenant, and each member's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.composition import services as composition
from controlplane.keys import services as keys
from controlplane.keys.models import ApiKey
from controlplane.keys.services import NewKey


class NewKeySerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=100)
    scopes = serializers.ListField(child=serializers.CharField(max_length=40), max_length=40)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    endpoint = serializers.CharField(
        required=False, allow_null=True, default=None, max_length=60, help_text="Good for this endpoint only."
    )
    only = serializers.ListField(
        child=serializers.CharField(max_length=200),
        max_length=100,
        default=list,
        help_text="What exists for the key at endpoints: `search_*`, `prompt:*`, `resource:notes://*`. Empty: all.",
    )
    networks = serializers.ListField(
        child=serializers.CharField(max_length=50),
        max_length=50,
        default=list,
        help_text="Where it may be used: addresses, or blocks such as `203.0.113.0/24`. Empty: anywhere.",
    )


class RotationSerializer(serializers.Serializer[Any]):
    overlap_seconds = serializers.IntegerField(
        default=86_400,
        min_value=0,
        max_value=30 * 86_400,
        help_text="How long the old key works on.",
    )


class KeySerializer(serializers.ModelSerializer[ApiKey]):
    shown_as = serializers.SerializerMethodField(help_text="What to recognise it by.")
    scopes = serializers.ListField(child=serializers.CharField())
    only = serializers.ListField(child=serializers.CharField())
    networks = serializers.ListField(child=serializers.CharField())
    owner = serializers.CharField(help_text="The member whose personal key it is; empty for a key of the tenant.")

    class Meta:
        model = ApiKey
        fields = (
            "id", "name", "shown_as", "owner", "scopes", "audience", "only", "networks", "created_at", "created_by",
            "expires_at", "last_used_at", "last_refused_at", "revoked_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_shown_as(self, key: ApiKey) -> str:
        return f"stoa_{key.lookup}_…"


class CreatedKeySerializer(KeySerializer):
    """The one answer with the key itself."""

    key = serializers.SerializerMethodField(help_text="Shown now and never again.")

    class Meta:
        model = ApiKey
        fields = ("key", *KeySerializer.Meta.fields)
        read_only_fields = fields

    def get_key(self, key: ApiKey) -> str:
        return str(self.context["token"])


class Keys(TenantView):
    permissions: ClassVar = {"get": "keys:read", "post": "keys:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="keys_list", responses=KeySerializer(many=True))
    def get(self, request: Request) -> Response:
        """The tenant's keys and its members', the revoked ones too. The keys themselves are never told."""
        return Response(KeySerializer(keys.list_keys(acting=self.principal), many=True).data)

    @extend_schema(operation_id="keys_create", request=NewKeySerializer, responses={201: CreatedKeySerializer})
    def post(self, request: Request) -> Response:
        """Make a key of the tenant. The answer is the only one that shows it."""
        return _created(keys.create_key(**_wanted(request), acting=self.principal))


class KeyDetail(TenantView):
    permissions: ClassVar = {"delete": "keys:write"}

    @extend_schema(operation_id="keys_revoke", responses={204: None})
    def delete(self, request: Request, key: str) -> Response:
        """Revoke a key, a member's too, for ever. Gateways stop taking it within seconds."""
        keys.revoke_key(key, acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)


class KeyRotation(TenantView):
    permissions: ClassVar = {"post": "keys:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="keys_rotate", request=RotationSerializer, responses={201: CreatedKeySerializer})
    def post(self, request: Request, key: str) -> Response:
        """Make a key's successor, which may do what it may, where it may. The old one ends after the overlap."""
        return _created(keys.rotate_key(key, overlap=_overlap(request), acting=self.principal))


class PersonalKeys(TenantView):
    permissions: ClassVar = {"get": "mcp:call", "post": "mcp:call"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="personal_keys_list", responses=KeySerializer(many=True))
    def get(self, request: Request) -> Response:
        """The caller's own keys, the revoked ones too."""
        return Response(KeySerializer(keys.list_personal_keys(acting=self.principal), many=True).data)

    @extend_schema(operation_id="personal_keys_create", request=NewKeySerializer, responses={201: CreatedKeySerializer})
    def post(self, request: Request) -> Response:
        """Make a key that acts as the caller, and ends with their membership. The answer is the only one with it."""
        return _created(keys.create_personal_key(**_wanted(request), acting=self.principal))


class PersonalKeyDetail(TenantView):
    permissions: ClassVar = {"delete": "mcp:call"}

    @extend_schema(operation_id="personal_keys_revoke", responses={204: None})
    def delete(self, request: Request, key: str) -> Response:
        """Revoke one of the caller's own keys, for ever. Gateways stop taking it within seconds."""
        keys.revoke_personal_key(key, acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PersonalKeyRotation(TenantView):
    permissions: ClassVar = {"post": "mcp:call"}
    parser_classes = (JSONParser,)

    @extend_schema(
        operation_id="personal_keys_rotate", request=RotationSerializer, responses={201: CreatedKeySerializer}
    )
    def post(self, request: Request, key: str) -> Response:
        """Make the successor of one of the caller's own keys. The old one ends after the overlap."""
        return _created(keys.rotate_personal_key(key, overlap=_overlap(request), acting=self.principal))


def _wanted(request: Request) -> dict[str, Any]:
    """What was asked for, as the services take it."""
    asked = NewKeySerializer(data=request.data)
    asked.is_valid(raise_exception=True)
    wanted: dict[str, Any] = dict(asked.validated_data)
    endpoint = wanted.pop("endpoint")
    return wanted | {"audience": composition.find_endpoint(endpoint).id if endpoint else "*"}


def _overlap(request: Request) -> timedelta:
    asked = RotationSerializer(data=request.data)
    asked.is_valid(raise_exception=True)
    return timedelta(seconds=asked.validated_data["overlap_seconds"])


def _created(made: NewKey) -> Response:
    body = CreatedKeySerializer(made.key, context={"token": made.token}).data
    return Response(body, status=status.HTTP_201_CREATED)
