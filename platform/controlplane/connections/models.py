"""Where a server's callers log in, who has, and log-ins under way. Tokens and client secrets are sealed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils import timezone

from tenants.fields import IdField
from tenants.identifiers import ID_LENGTH
from tenants.sealed import SealedRow


class Upstream(SealedRow):
    """How a server that runs elsewhere lets its callers in. Sealed is our registration there, as JSON."""

    id = IdField("ups")
    server_id = models.CharField(max_length=ID_LENGTH)
    shared = models.BooleanField()
    """Whether one connection serves the whole tenant; else each caller has their own."""
    url = models.CharField(max_length=2048)
    issuer = models.CharField(max_length=2048, blank=True)
    """Its authorization server, to which the registration and every token belong (PROTOCOL U-05)."""
    resource = models.CharField(max_length=2048, blank=True)
    """Its own name for itself, which goes into every request for a token (PROTOCOL U-03)."""
    metadata = models.JSONField(default=dict)
    """What of the authorization server's metadata is used."""
    scope = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "server_id"], name="connections_upstream_once"),
        ]

    def __str__(self) -> str:
        return f"{self.server_id} at {self.url}"


class Connection(SealedRow):
    """One log-in at an upstream. Sealed are its tokens, as JSON."""

    class State(models.TextChoices):
        CONNECTED = "connected"
        ENDED = "ended"
        """The upstream took no refresh: its owner logs in again."""

    id = IdField("cnx")
    server_id = models.CharField(max_length=ID_LENGTH)
    owner = models.CharField(max_length=255, blank=True)
    """`Principal.subject` of whose it is; empty for the tenant's."""
    state = models.CharField(max_length=16, choices=State.choices, default=State.CONNECTED)
    scope = models.CharField(max_length=2000, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    """When the access token does; unknown where the upstream does not say."""
    connected_at = models.DateTimeField(default=timezone.now)
    connected_by = models.CharField(max_length=255, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    refreshing_until = models.DateTimeField(null=True, blank=True)
    """Somebody is asking for new tokens until then: an upstream may take a refresh token only once."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "server_id", "owner"], name="connections_connection_once"),
        ]

    def __str__(self) -> str:
        return f"{self.owner or 'the tenant'} at {self.server_id}"


class Attempt(SealedRow):
    """A log-in that was begun: it ends in the browser of the one who began it, once. Sealed is the PKCE verifier."""

    id = IdField("cna")
    state_digest = models.BinaryField(unique=True)
    server_id = models.CharField(max_length=ID_LENGTH)
    user_id = models.CharField(max_length=ID_LENGTH)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.id
