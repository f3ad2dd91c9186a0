"""What an issuer keeps. Secrets of clients, codes and refresh tokens are digests; access tokens are not kept at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from controlplane.issuer import redirects, secrets
from tenants.fields import IdField
from tenants.identifiers import ID_LENGTH
from tenants.models import TenantModel, TenantRow
from tenants.sealed import SealedRow

MAX_CLIENT_ID = 512
MAX_URI = 2048


class SigningKey(SealedRow):
    """A key pair of the tenant's issuer. The newest whose time has come signs; `signing` says how long others count.

    The private key is what is sealed.
    """

    id = IdField("sgk")
    """Its `kid`."""
    public = models.JSONField()
    """The public key as a JWK (RFC 7517)."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    signs_from = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["-signs_from", "-id"]

    def __str__(self) -> str:
        return self.id


class Client(TenantModel):
    """A program that people log in with. What it says about itself is in `metadata`, checked by `client_metadata`.

    The methods are what Authlib's grants ask of a client.
    """

    class Kind(models.TextChoices):
        REGISTERED = "registered"  # by itself (RFC 7591)
        DOCUMENT = "document"  # its identifier is the address of its metadata
        MANUAL = "manual"  # by a member of the tenant

    id = IdField("cli")
    client_id = models.CharField(max_length=MAX_CLIENT_ID)
    """`id`, or the address of its metadata document."""
    kind = models.CharField(max_length=16, choices=Kind.choices)
    metadata = models.JSONField()
    secret_digest = models.BinaryField(null=True)
    registration_digest = models.BinaryField(null=True)
    """Of the token that manages the registration (RFC 7592)."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True)
    """When someone last allowed it in; a registration that nobody ever used is dropped after a day."""
    fresh_until = models.DateTimeField(null=True, blank=True)
    """When the metadata document is to be fetched again."""
    endpoint = models.ForeignKey("composition.Endpoint", on_delete=models.CASCADE, null=True, related_name="+")
    """The one endpoint that a program without people may call; None for programs that people log in with."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "client_id"], name="issuer_client_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["tenant", "created_at"], name="issuer_client_by_age")]

    def __str__(self) -> str:
        return self.client_id

    @property
    def name(self) -> str:
        return str(self.metadata.get("client_name") or self.client_id)

    @property
    def redirect_uris(self) -> list[str]:
        return list(self.metadata.get("redirect_uris", ()))

    def get_client_id(self) -> str:
        return self.client_id

    def get_default_redirect_uri(self) -> None:
        """None: each request names its own (OAuth 2.1 lets one leave it out, PROTOCOL O-02 compares it)."""

    def get_allowed_scope(self, scope: str | None) -> str:
        """Authlib asks; `requests` has decided already."""
        return scope or ""

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirects.is_registered(redirect_uri, self.redirect_uris)

    def check_client_secret(self, client_secret: str) -> bool:
        return self.secret_digest is not None and secrets.matches(client_secret, bytes(self.secret_digest))

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return bool(method == self.metadata["token_endpoint_auth_method"])

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code" and "authorization_code" in self.metadata["grant_types"]

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.metadata["grant_types"]


class Consent(TenantModel):
    """What a person let a client do, remembered for the next time: for this redirect and this endpoint only."""

    id = IdField("con")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey("composition.Endpoint", on_delete=models.CASCADE, related_name="+")
    redirect_uri = models.CharField(max_length=MAX_URI)
    """Without the port when it is a loopback address: native clients choose another each time."""
    scopes = models.JSONField()
    given_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["tenant", "user", "client", "endpoint", "redirect_uri"], name="issuer_consent_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} to {self.client_id}"


class Grant(TenantModel):
    """One login: the family of all tokens that came of it. Revoking it ends them all."""

    id = IdField("grt")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    """None when the client acts for itself (client credentials)."""
    endpoint = models.ForeignKey("composition.Endpoint", on_delete=models.CASCADE, null=True, related_name="+")
    """None when it is for the management API."""
    resource = models.CharField(max_length=MAX_URI)
    """What it was granted for: the tokens' audience."""
    scopes = models.JSONField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    """When it can no longer be refreshed, however busy it is."""
    last_used_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_because = models.CharField(max_length=32, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.id

    @property
    def subject(self) -> str:
        """The `sub` of its tokens."""
        return self.user_id or self.client_id

    def is_valid(self, now: datetime) -> bool:
        return self.revoked_at is None and now < self.expires_at


class RevokedLogin(TenantRow):
    """That a login ended, for gateways: it stays while tokens of it might, even when the login's row is gone."""

    grant_id = models.CharField(primary_key=True, max_length=ID_LENGTH)
    tenant_id = models.CharField(max_length=ID_LENGTH)
    subject = models.CharField(max_length=255)
    revoked_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["revoked_at"], name="issuer_revokedlogin_by_time")]

    def __str__(self) -> str:
        return self.grant_id


class AuthorizationCode(TenantModel):
    """Lives a minute and works once (PROTOCOL O-01). A second use revokes what the first one gave."""

    digest = models.BinaryField(primary_key=True)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey("composition.Endpoint", on_delete=models.CASCADE, related_name="+")
    redirect_uri = models.CharField(max_length=MAX_URI)
    resource = models.CharField(max_length=MAX_URI)
    scopes = models.JSONField()
    code_challenge = models.CharField(max_length=128)
    expires_at = models.DateTimeField()
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, null=True, related_name="+")
    """What it gave; None while it is unused."""

    code_challenge_method: ClassVar = "S256"

    def __str__(self) -> str:
        return f"A code for {self.client_id}"

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.scopes)


class DeviceCode(TenantModel):
    """A program without a browser waits for a person to allow it in one (RFC 8628)."""

    digest = models.BinaryField(primary_key=True)
    user_code = models.CharField(max_length=9)
    """What the person types, or finds in the address they are given: `BCDF-GHJK`."""
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    endpoint = models.ForeignKey("composition.Endpoint", on_delete=models.CASCADE, null=True, related_name="+")
    resource = models.CharField(max_length=MAX_URI)
    scopes = models.JSONField()
    expires_at = models.DateTimeField()
    polled_at = models.DateTimeField(null=True, blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    """Who decided; None until someone has."""
    allowed = models.BooleanField(default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "user_code"], name="issuer_user_code_once"),
        ]

    def __str__(self) -> str:
        return f"A device's code for {self.client_id}"

    def get_client_id(self) -> str:
        return self.client.client_id

    def get_scope(self) -> str:
        return " ".join(self.scopes)

    def get_user_code(self) -> str:
        return self.user_code

    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()


class UsedAssertion(TenantModel):
    """That an identity provider's assertion was redeemed: each works once."""

    issuer = models.CharField(max_length=500)
    digest = models.BinaryField()
    """Of its `jti`, which is its issuer's own name for it."""
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "issuer", "digest"], name="issuer_assertion_once"),
        ]

    def __str__(self) -> str:
        return f"An assertion of {self.issuer}"


class RefreshToken(TenantModel):
    """One link of a family's chain. Used, it stays a while as a sibling: clients refresh from two places at once."""

    digest = models.BinaryField(primary_key=True)
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"A refresh token of {self.grant_id}"

    def check_client(self, client: Any) -> bool:
        return bool(self.grant.client_id == client.pk)

    def get_scope(self) -> str:
        return " ".join(self.grant.scopes)
