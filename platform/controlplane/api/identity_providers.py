"""Identity providers of a tenant: made, changed, tried, switched on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.providers import services, testing
from controlplane.providers.addresses import redirect_uri
from controlplane.providers.kinds import KINDS
from controlplane.providers.models import Attempt, Provider
from controlplane.providers.services import MATCHES, MAX_RULES, MAX_SECRET, Wanted
from tenants.roles import ROLES


class RuleSerializer(serializers.Serializer[Any]):
    match = serializers.ChoiceField(MATCHES)
    value = serializers.CharField(max_length=250, allow_blank=True, default="", help_text="The domain or the group.")
    role = serializers.ChoiceField(ROLES)


class WantedProviderSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(max_length=40, help_text="GET …/identity-provider-kinds lists them.")
    name = serializers.CharField(max_length=100, allow_blank=True, default="", help_text="What the button says.")
    client_id = serializers.CharField(max_length=500, allow_blank=True, default="")
    client_secret = serializers.CharField(
        max_length=MAX_SECRET,
        allow_null=True,
        allow_blank=True,
        default=None,
        trim_whitespace=False,
        help_text="Written and never shown. Without one, a change keeps the one there is.",
    )
    settings = serializers.DictField(
        child=serializers.CharField(max_length=500, allow_blank=True),
        default=dict,
        help_text="What this kind needs beside: GET …/identity-provider-kinds.",
    )
    rules = serializers.ListField(
        child=RuleSerializer(), max_length=MAX_RULES, default=list, help_text="The first that fits gives the role."
    )
    trusts_email = serializers.BooleanField(
        default=False, help_text="Its addresses count as verified though its tokens do not say so."
    )
    counts_as_second_factor = serializers.BooleanField(default=False)
    required = serializers.BooleanField(  # type: ignore[assignment]  # of a serializer's fields, not of itself as one
        default=False, help_text="Members sign in by it: an account with a password opens nothing here, but for owners."
    )


class NewProviderSerializer(WantedProviderSerializer):
    slug = serializers.CharField(max_length=50, help_text="Its name in addresses, and so in the redirect URI.")


class ProviderSerializer(serializers.ModelSerializer[Provider]):
    settings = serializers.DictField(child=serializers.CharField(), read_only=True)
    rules = RuleSerializer(many=True, read_only=True)
    redirect_uri = serializers.SerializerMethodField(help_text="To register at the provider, exactly so.")
    has_secret = serializers.SerializerMethodField()
    tested = serializers.SerializerMethodField(help_text="Whether the test of this configuration has passed.")

    class Meta:
        model = Provider
        fields = (
            "id", "slug", "kind", "name", "issuer", "client_id", "has_secret", "settings", "rules", "trusts_email",
            "counts_as_second_factor", "required", "enabled", "tested", "redirect_uri", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_redirect_uri(self, provider: Provider) -> str:
        return redirect_uri(self.context["tenant"], provider.slug)

    def get_has_secret(self, provider: Provider) -> bool:
        return bool(provider.fingerprint)

    def get_tested(self, provider: Provider) -> bool:
        return provider.tested == services.digest(provider)


class StepSerializer(serializers.Serializer[Any]):
    step = serializers.CharField()
    ok = serializers.BooleanField()
    detail = serializers.CharField()


class AttemptSerializer(serializers.ModelSerializer[Attempt]):
    steps = StepSerializer(many=True, read_only=True)
    claims = serializers.DictField(read_only=True, help_text="What the provider said of the person.")

    class Meta:
        model = Attempt
        fields = ("id", "at", "is_test", "succeeded", "steps", "claims")
        read_only_fields = fields


class SettingSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the framework's fields have a label of their own
    help = serializers.CharField()
    example = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]  # and this


class KindSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the framework's fields have a label of their own
    settings = SettingSerializer(many=True)


class Kinds(TenantView):
    permissions: ClassVar = {"get": "tenant:write"}

    @extend_schema(operation_id="identity_provider_kinds", responses=KindSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The kinds there are, and what each needs."""
        return Response(KindSerializer(list(KINDS.values()), many=True).data)


class Providers(TenantView):
    asks_for_proof = True
    permissions: ClassVar = {"get": "tenant:write", "post": "tenant:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="identity_providers_list", responses=ProviderSerializer(many=True))
    def get(self, request: Request) -> Response:
        """How this tenant's people sign in, beside passwords."""
        context = {"tenant": self.kwargs["tenant"]}
        return Response(ProviderSerializer(services.list_providers(), many=True, context=context).data)

    @extend_schema(
        operation_id="identity_providers_create", request=NewProviderSerializer, responses={201: ProviderSerializer}
    )
    def post(self, request: Request) -> Response:
        """Make a provider. It is switched off until its test has passed."""
        asked = NewProviderSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        data = dict(asked.validated_data)
        provider = services.create_provider(data.pop("slug"), Wanted(**data), acting=self.principal)
        return Response(_shown(self, provider), status=status.HTTP_201_CREATED)


class ProviderDetail(TenantView):
    asks_for_proof = True
    permissions: ClassVar = {"get": "tenant:write", "put": "tenant:write", "delete": "tenant:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="identity_providers_get", responses=ProviderSerializer)
    def get(self, request: Request, provider: str) -> Response:
        """One provider. Its secret is never told."""
        return Response(_shown(self, services.find_provider(provider)))

    @extend_schema(operation_id="identity_providers_change", request=WantedProviderSerializer,
                   responses=ProviderSerializer)  # fmt: skip
    def put(self, request: Request, provider: str) -> Response:
        """Change a provider. What decides who people are has to be tested again: it is switched off until then."""
        asked = WantedProviderSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        wanted = Wanted(**asked.validated_data)
        return Response(_shown(self, services.change_provider(provider, wanted, acting=self.principal)))

    @extend_schema(operation_id="identity_providers_delete", responses={204: None})
    def delete(self, request: Request, provider: str) -> Response:
        """Delete a provider. The people who came by it stay members, and have no way in any more."""
        services.delete_provider(provider, acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Check(TenantView):
    """The handler opens its own transactions."""

    permissions: ClassVar = {"post": "tenant:write"}

    def _act(self, handler: Callable[..., Response], request: Request, *, tenant: str, **names: str) -> Response:
        return handler(request, **names)

    @extend_schema(operation_id="identity_providers_check", request=None, responses=AttemptSerializer)
    def post(self, request: Request, provider: str) -> Response:
        """Fetch what the provider publishes, and say what each step found. A trial sign-in needs a browser."""
        attempt = testing.check(self.principal.tenant, provider, acting=self.principal)
        return Response(AttemptSerializer(attempt).data)


class Enable(TenantView):
    asks_for_proof = True
    permissions: ClassVar = {"post": "tenant:write"}

    @extend_schema(operation_id="identity_providers_enable", request=None, responses=ProviderSerializer)
    def post(self, request: Request, provider: str) -> Response:
        """Switch a provider on whose test has passed."""
        return Response(_shown(self, services.enable_provider(provider, acting=self.principal)))


class Disable(TenantView):
    asks_for_proof = True
    permissions: ClassVar = {"post": "tenant:write"}

    @extend_schema(operation_id="identity_providers_disable", request=None, responses=ProviderSerializer)
    def post(self, request: Request, provider: str) -> Response:
        """Switch a provider off. Who is signed in stays so; tokens that it vouches for are refused within seconds."""
        return Response(_shown(self, services.disable_provider(provider, acting=self.principal)))


class Attempts(TenantView):
    permissions: ClassVar = {"get": "tenant:write"}

    @extend_schema(operation_id="identity_providers_attempts", responses=AttemptSerializer(many=True))
    def get(self, request: Request, provider: str) -> Response:
        """The last sign-ins and tests, step by step, newest first."""
        found = services.attempts_of(services.find_provider(provider))
        return Response(AttemptSerializer(found, many=True).data)


def _shown(view: TenantView, provider: Provider) -> Any:
    return ProviderSerializer(provider, context={"tenant": view.kwargs["tenant"]}).data
