"""The caller, and the tenant's keys."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts.models import User
from controlplane.api.access import caller_in
from controlplane.api.base import TenantView, View
from controlplane.api.serializers import (
    CreatedKeySerializer,
    KeySerializer,
    MeSerializer,
    NewKeySerializer,
    RotationSerializer,
)
from controlplane.composition import services as composition
from controlplane.keys import services as keys
from tenants import lookups
from tenants.context import acting_for
from tenants.models import Tenant
from tenants.roles import PERMISSIONS_OF


class Me(View):
    @extend_schema(operation_id="me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Who the credential belongs to, and what it may do where."""
        caller = caller_in(request)
        if isinstance(caller, User):
            places = [
                _place(found.tenant.id, found.tenant.slug, found.tenant.name, found.role, PERMISSIONS_OF[found.role])
                for found in lookups.tenants_of_user(caller.pk)
                if found.tenant.active
            ]
            who: dict[str, object] = {"kind": "user", "id": caller.pk, "email": caller.email, "tenants": places}
        else:
            principal = caller.principal
            with acting_for(principal.tenant):
                tenant = Tenant.objects.get()
            role = next(iter(principal.roles), None)
            place = _place(tenant.id, tenant.slug, tenant.name, role, principal.scopes)
            kind = "user" if principal.kind == "user" else "api_key"
            who = {"kind": kind, "id": principal.subject, "email": None, "tenants": [place]}
        return Response(MeSerializer(who).data)


class NowhereView(View):
    """Any address below `/api/v1/` that is not a route. Answers as a problem, to members and strangers alike."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound


class Keys(TenantView):
    permissions: ClassVar = {"get": "keys:read", "post": "keys:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="keys_list", responses=KeySerializer(many=True))
    def get(self, request: Request) -> Response:
        """The tenant's keys, the revoked ones too. The keys themselves are never told."""
        return Response(KeySerializer(keys.list_keys(acting=self.principal), many=True).data)

    @extend_schema(operation_id="keys_create", request=NewKeySerializer, responses={201: CreatedKeySerializer})
    def post(self, request: Request) -> Response:
        """Make a key. The answer is the only one that shows it."""
        wanted = NewKeySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        data = wanted.validated_data
        audience = composition.find_endpoint(data["endpoint"]).id if data["endpoint"] else "*"
        made = keys.create_key(
            data["name"],
            scopes=data["scopes"],
            expires_at=data["expires_at"],
            audience=audience,
            acting=self.principal,
        )
        body = CreatedKeySerializer(made.key, context={"token": made.token}).data
        return Response(body, status=status.HTTP_201_CREATED)


class KeyDetail(TenantView):
    permissions: ClassVar = {"delete": "keys:write"}

    @extend_schema(operation_id="keys_revoke", responses={204: None})
    def delete(self, request: Request, key: str) -> Response:
        """Revoke a key, for ever. Gateways stop taking it within seconds."""
        keys.revoke_key(key, acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)


class KeyRotation(TenantView):
    permissions: ClassVar = {"post": "keys:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="keys_rotate", request=RotationSerializer, responses={201: CreatedKeySerializer})
    def post(self, request: Request, key: str) -> Response:
        """Make a key's successor, with its name, scopes and endpoint. The old one ends after the overlap."""
        wanted = RotationSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        overlap = timedelta(seconds=wanted.validated_data["overlap_seconds"])
        made = keys.rotate_key(key, overlap=overlap, acting=self.principal)
        body = CreatedKeySerializer(made.key, context={"token": made.token}).data
        return Response(body, status=status.HTTP_201_CREATED)


def _place(tenant_id: str, slug: str, name: str, role: str | None, scopes: frozenset[str]) -> dict[str, object]:
    return {"id": tenant_id, "slug": slug, "name": name, "role": role, "scopes": sorted(scopes)}
