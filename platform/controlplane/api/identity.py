"""Who is logged in with which program, and what ends it: logins, everything at once, signing keys."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.composition import services as composition
from controlplane.issuer import clients, logins, signing
from controlplane.issuer.addresses import oauth_url
from controlplane.issuer.models import Client, Grant
from controlplane.keys import services as keys


class LoginSerializer(serializers.ModelSerializer[Grant]):
    client = serializers.CharField(source="client.name", help_text="What the program calls itself.")
    client_id = serializers.CharField(source="client.client_id")
    user = serializers.CharField(source="user_id", allow_null=True, help_text="Null for a client that acts for itself.")
    endpoint = serializers.SerializerMethodField(help_text="Null for the management API.")
    scopes = serializers.ListField(child=serializers.CharField())

    class Meta:
        model = Grant
        fields = ("id", "client", "client_id", "user", "endpoint", "scopes", "created_at", "last_used_at", "expires_at")
        read_only_fields = fields

    def get_endpoint(self, grant: Grant) -> str | None:
        return grant.endpoint.slug if grant.endpoint else None


class NewProgramSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=120)
    endpoint = serializers.CharField(max_length=60, help_text="The one endpoint that it may call.")


class ProgramSerializer(serializers.Serializer[Any]):
    client_id = serializers.CharField()
    name = serializers.CharField()
    endpoint = serializers.CharField(source="endpoint.slug")
    created_at = serializers.DateTimeField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class CreatedProgramSerializer(ProgramSerializer):
    """The one answer with the secret itself."""

    client_secret = serializers.SerializerMethodField(help_text="Shown now and never again.")
    token_url = serializers.SerializerMethodField(help_text="Where it gets its access tokens.")

    def get_client_secret(self, client: Client) -> str:
        return str(self.context["secret"])

    def get_token_url(self, client: Client) -> str:
        return oauth_url(self.context["tenant"], "token")


class RevocationSerializer(serializers.Serializer[Any]):
    logins = serializers.BooleanField(default=True, help_text="Every login of every program.")
    keys = serializers.BooleanField(
        default=False, help_text="Every API key, the one of this request too, and every program made by hand."
    )
    signing_keys = serializers.BooleanField(
        default=False, help_text="For a leaked signing key: replaces them, so that no token they signed counts."
    )


class RevokedSerializer(serializers.Serializer[Any]):
    logins = serializers.IntegerField(help_text="How many were ended.")
    keys = serializers.IntegerField()
    signing_keys = serializers.IntegerField()


class SigningKeySerializer(serializers.Serializer[Any]):
    kid = serializers.CharField()
    signs_from = serializers.DateTimeField(help_text="Until then it is only published.")


class Logins(TenantView):
    permissions: ClassVar = {"get": "mcp:call"}

    @extend_schema(operation_id="logins_list", responses=LoginSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Programs that someone logged in with: the caller's own, or everybody's for who manages members."""
        return Response(LoginSerializer(logins.logins(acting=self.principal), many=True).data)


class LoginDetail(TenantView):
    permissions: ClassVar = {"delete": "mcp:call"}

    @extend_schema(operation_id="logins_revoke", responses={204: None})
    def delete(self, request: Request, login: str) -> Response:
        """End a login, with its consent and the person's other logins of the same program. Effective in seconds."""
        logins.revoke_login(login, acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Programs(TenantView):
    permissions: ClassVar = {"get": "keys:read", "post": "keys:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="programs_list", responses=ProgramSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Programs that act for themselves, by OAuth client credentials."""
        return Response(ProgramSerializer(clients.made_by_hand(acting=self.principal), many=True).data)

    @extend_schema(
        operation_id="programs_create", request=NewProgramSerializer, responses={201: CreatedProgramSerializer}
    )
    def post(self, request: Request) -> Response:
        """Make a program for one endpoint. The answer is the only one that shows its secret."""
        wanted = NewProgramSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        endpoint = composition.find_endpoint(wanted.validated_data["endpoint"])
        client, secret = clients.make(wanted.validated_data["name"], endpoint.id, acting=self.principal)
        context = {"secret": secret, "tenant": self.kwargs["tenant"]}
        return Response(CreatedProgramSerializer(client, context=context).data, status=status.HTTP_201_CREATED)


class ProgramDetail(TenantView):
    permissions: ClassVar = {"delete": "keys:write"}

    @extend_schema(operation_id="programs_remove", responses={204: None})
    def delete(self, request: Request, program: str) -> Response:
        """Remove a program, with its tokens."""
        clients.remove_made(program, acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Revocations(TenantView):
    asks_for_proof = True
    permissions: ClassVar = {"post": "tenant:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="revoke_everything", request=RevocationSerializer, responses=RevokedSerializer)
    def post(self, request: Request) -> Response:
        """For an incident: end everything of a kind at once. All gateways know within five seconds."""
        wanted = RevocationSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        data = wanted.validated_data
        done = {
            "logins": logins.revoke_all(acting=self.principal) if data["logins"] else 0,
            "keys": self._revoke_keys() if data["keys"] else 0,
            "signing_keys": 0,
        }
        if data["signing_keys"]:
            signing.rotate(acting=self.principal, at_once=True)
            done["signing_keys"] = 1
        return Response(RevokedSerializer(done).data)

    def _revoke_keys(self) -> int:
        return keys.revoke_all(acting=self.principal) + clients.remove_all_made(acting=self.principal)


class SigningKeys(TenantView):
    asks_for_proof = True
    permissions: ClassVar = {"post": "tenant:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="signing_keys_rotate", request=None, responses={201: SigningKeySerializer})
    def post(self, request: Request) -> Response:
        """Change the issuer's signing key, with an overlap: no token and no client notices."""
        key = signing.rotate(acting=self.principal)
        body = SigningKeySerializer({"kid": key.id, "signs_from": key.signs_from}).data
        return Response(body, status=status.HTTP_201_CREATED)
