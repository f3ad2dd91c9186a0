"""A tenant's people and its own settings: members, invitations, what is asked of them, and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, cast

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts import invitations, services, tenancy
from controlplane.accounts.invitations import DAYS, MOST_DAYS, NewInvitation
from controlplane.accounts.models import Invitation, User
from controlplane.accounts.tenancy import Deletion
from controlplane.api.base import TenantView
from tenants import quotas
from tenants.context import acting_for
from tenants.models import Membership, Tenant
from tenants.roles import ROLES, Role


class MemberSerializer(serializers.ModelSerializer[Membership]):
    user = serializers.CharField(source="user_id")
    email = serializers.CharField(source="user.email")
    name = serializers.CharField(source="user.name")
    role = serializers.CharField()

    class Meta:
        model = Membership
        fields = ("id", "user", "email", "name", "role", "created_at")
        read_only_fields = fields


class RoleSerializer(serializers.Serializer[Any]):
    role = serializers.CharField(max_length=16, help_text=f"One of {', '.join(ROLES)}.")


class NewInvitationSerializer(RoleSerializer):
    email = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=254, help_text="Only its account can accept."
    )
    days = serializers.IntegerField(required=False, default=DAYS, min_value=1, max_value=MOST_DAYS)


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    role = serializers.CharField()

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = ("id", "email", "role", "created_at", "created_by", "expires_at")
        read_only_fields = fields


class CreatedInvitationSerializer(InvitationSerializer):
    """The one answer with the link."""

    url = serializers.SerializerMethodField(help_text="Shown now and never again.")

    class Meta(InvitationSerializer.Meta):
        fields = (*InvitationSerializer.Meta.fields, "url")
        read_only_fields = fields

    def get_url(self, invitation: Invitation) -> str:
        return str(self.context["url"])


class TenantSerializer(serializers.ModelSerializer[Tenant]):
    limits = serializers.SerializerMethodField(help_text="How much it may have, by name.")

    class Meta:
        model = Tenant
        fields = ("id", "slug", "name", "requires_second_factor", "limits", "created_at")
        read_only_fields = fields

    def get_limits(self, tenant: Tenant) -> dict[str, int]:
        return {str(name): number for name, number in quotas.limits_of(tenant).items()}


class TenantChangeSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(required=False, max_length=150)
    requires_second_factor = serializers.BooleanField(
        required=False, help_text="Of members who sign in with a password."
    )


class ConfirmationSerializer(serializers.Serializer[Any]):
    confirmation = serializers.CharField(max_length=50, help_text="The tenant's short name.")


class DeletionSerializer(serializers.Serializer[Deletion]):
    slug = serializers.CharField()
    rows = serializers.DictField(child=serializers.IntegerField(), help_text="How many rows go, by kind.")
    done = serializers.BooleanField()


class Members(TenantView):
    permissions: ClassVar = {"get": "members:read"}

    @extend_schema(operation_id="members_list", responses=MemberSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Owners first."""
        return Response(MemberSerializer(services.members(), many=True).data)


class MemberDetail(TenantView):
    permissions: ClassVar = {"patch": "members:write", "delete": "members:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="members_change", request=RoleSerializer, responses=MemberSerializer)
    def patch(self, request: Request, member: str) -> Response:
        """Give a member another role, with no permission that the caller lacks. The last owner stays one."""
        asked = _checked(RoleSerializer, request)
        changed = services.change_role(member, cast("Role", asked["role"]), acting=self.principal)
        return Response(MemberSerializer(changed).data)

    @extend_schema(operation_id="members_remove", responses={204: None})
    def delete(self, request: Request, member: str) -> Response:
        """End a member's place. The last owner stays."""
        services.remove_member(member, acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Invitations(TenantView):
    permissions: ClassVar = {"get": "members:write", "post": "members:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="invitations_list", responses=InvitationSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Those that can still be accepted."""
        return Response(InvitationSerializer(invitations.open_invitations(), many=True).data)

    @extend_schema(
        operation_id="invitations_create",
        request=NewInvitationSerializer,
        responses={201: CreatedInvitationSerializer},
    )
    def post(self, request: Request) -> Response:
        """Make a link into the tenant. The answer is the only one with it.

        It is mailed to the address that was given, where the installation sends mail; else passing it on is the
        caller's.
        """
        asked = _checked(NewInvitationSerializer, request)
        slug = Tenant.objects.values_list("slug", flat=True).get()
        made: NewInvitation = invitations.invite(slug, **asked, acting=self.principal)
        body = CreatedInvitationSerializer(made.invitation, context={"url": made.url}).data
        return Response(body, status=status.HTTP_201_CREATED)


class InvitationDetail(TenantView):
    permissions: ClassVar = {"delete": "members:write"}

    @extend_schema(operation_id="invitations_withdraw", responses={204: None})
    def delete(self, request: Request, invitation: str) -> Response:
        """Withdraw an open invitation: its link is good for nothing at once."""
        invitations.withdraw(invitation, acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TenantDetail(TenantView):
    permissions: ClassVar = {"get": "members:read", "patch": "tenant:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="tenant_read", responses=TenantSerializer)
    def get(self, request: Request) -> Response:
        """The tenant, what it asks of its members, and its limits."""
        return Response(TenantSerializer(Tenant.objects.get()).data)

    @extend_schema(operation_id="tenant_change", request=TenantChangeSerializer, responses=TenantSerializer)
    def patch(self, request: Request) -> Response:
        """Change its name, or whether members need a second factor."""
        asked = _checked(TenantChangeSerializer, request)
        tenant = Tenant.objects.get()
        changed = tenancy.configure(
            name=asked.get("name", tenant.name),
            requires_second_factor=asked.get("requires_second_factor", tenant.requires_second_factor),
            acting=self.principal,
        )
        return Response(TenantSerializer(changed).data)


class TenantDeletion(TenantView):
    asks_for_proof = True
    permissions: ClassVar = {"get": "tenant:delete", "post": "tenant:delete"}
    parser_classes = (JSONParser,)

    def _act(self, handler: Callable[..., Response], request: Request, *, tenant: str, **names: str) -> Response:
        """Without what is remembered of other requests: the deletion leaves nobody who could ask for it again."""
        with acting_for(self.principal.tenant):
            return handler(request)

    @extend_schema(operation_id="tenant_deletion_preview", responses=DeletionSerializer)
    def get(self, request: Request) -> Response:
        """What a deletion would take with it. Changes nothing."""
        return Response(DeletionSerializer(tenancy.preview_deletion(self.principal.tenant)).data)

    @extend_schema(operation_id="tenant_delete", request=ConfirmationSerializer, responses=DeletionSerializer)
    def post(self, request: Request) -> Response:
        """Delete the tenant with all that it has, for ever. Its short name is never given out again."""
        asked = _checked(ConfirmationSerializer, request)
        actor = request.user if isinstance(request.user, User) else None
        done = tenancy.delete(self.principal.tenant, confirmation=asked["confirmation"], acting=actor)
        return Response(DeletionSerializer(done).data)


def _checked(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    asked = serializer(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)
