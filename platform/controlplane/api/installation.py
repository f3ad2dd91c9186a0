"""The installation's tenants, for platform administrators who are signed in. To everyone else nothing is here."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotFound
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts import tenancy
from controlplane.accounts.errors import InvalidAccountError
from controlplane.accounts.models import User
from controlplane.accounts.tenancy import NotPlatformAdminError
from controlplane.api.base import View
from controlplane.api.members import ConfirmationSerializer, DeletionSerializer
from tenants import lookups
from tenants.quotas import MOST


class InstalledTenantSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    slug = serializers.CharField()
    name = serializers.CharField()
    status = serializers.CharField(help_text="`active` or `suspended`.")
    members = serializers.IntegerField()
    limits = serializers.DictField(child=serializers.IntegerField())


class NewTenantSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField(max_length=50)
    name = serializers.CharField(required=False, default="", allow_blank=True, max_length=150)
    owner = serializers.EmailField(help_text="The address of an account that exists.")


class ChangesSerializer(serializers.Serializer[Any]):
    suspended = serializers.BooleanField(required=False)
    limits = serializers.DictField(
        child=serializers.IntegerField(min_value=0, max_value=MOST, allow_null=True),
        required=False,
        help_text="By name; null goes back to the default.",
    )


class Installation(View):
    """Views of platform administrators. An API key belongs to a tenant, and so opens nothing here."""

    parser_classes = (JSONParser,)
    asks_for_proof = True
    administrator: User

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        user: object = request.user
        if not isinstance(user, User) or not user.is_platform_admin:
            raise NotPlatformAdminError
        self.administrator = user


class Tenants(Installation):
    @extend_schema(operation_id="installation_tenants_list", responses=InstalledTenantSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Every tenant, from outside."""
        return Response(InstalledTenantSerializer(tenancy.tenants(acting=self.administrator), many=True).data)

    @extend_schema(
        operation_id="installation_tenants_create",
        request=NewTenantSerializer,
        responses={201: InstalledTenantSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a tenant for an owner who has an account."""
        asked = NewTenantSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        try:
            owner = User.objects.get_by_natural_key(wanted["owner"])
        except ObjectDoesNotExist:
            raise InvalidAccountError("No account has the owner's address.") from None
        made = tenancy.create(wanted["slug"], name=wanted["name"], owner=owner, acting=self.administrator)
        return Response(InstalledTenantSerializer(tenancy.overview(made.id)).data, status=status.HTTP_201_CREATED)


class TenantDetail(Installation):
    @extend_schema(operation_id="installation_tenants_read", responses=InstalledTenantSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """One tenant, from outside."""
        return Response(InstalledTenantSerializer(tenancy.overview(_find(slug))).data)

    @extend_schema(
        operation_id="installation_tenants_change", request=ChangesSerializer, responses=InstalledTenantSerializer
    )
    def patch(self, request: Request, slug: str) -> Response:
        """Suspend or resume it, or set its limits."""
        asked = ChangesSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        tenant_id = _find(slug)
        if "limits" in asked.validated_data:
            tenancy.set_limits(tenant_id, asked.validated_data["limits"], acting=self.administrator)
        if "suspended" in asked.validated_data:
            tenancy.set_suspended(tenant_id, asked.validated_data["suspended"], acting=self.administrator)
        return Response(InstalledTenantSerializer(tenancy.overview(tenant_id)).data)


class TenantDeletion(Installation):
    @extend_schema(operation_id="installation_tenants_deletion_preview", responses=DeletionSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """What a deletion would take with it. Changes nothing."""
        return Response(DeletionSerializer(tenancy.preview_deletion(_find(slug))).data)

    @extend_schema(
        operation_id="installation_tenants_delete", request=ConfirmationSerializer, responses=DeletionSerializer
    )
    def post(self, request: Request, slug: str) -> Response:
        """Delete a tenant with all that it has, for ever."""
        asked = ConfirmationSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        confirmation = asked.validated_data["confirmation"]
        return Response(
            DeletionSerializer(tenancy.delete(_find(slug), confirmation=confirmation, acting=self.administrator)).data
        )


def _find(slug: str) -> str:
    found = lookups.tenant_by_slug(slug)
    if found is None:
        raise NotFound
    return found.id
