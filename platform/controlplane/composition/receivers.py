"""What composition does when the registry changes, inside the registry's own transaction."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from controlplane.composition import publishing, services
from controlplane.registry.models import Server
from controlplane.registry.signals import revision_activated, server_registered
from tenants.principal import Principal


@receiver(server_registered)
def give_it_an_endpoint(*, server: Server, acting: Principal | None, **unused: Any) -> None:
    """Registering a server creates an endpoint of the same name, so a URL exists at once."""
    services.create_endpoint_for(server, acting=acting)


@receiver(revision_activated)
def publish_what_follows_it(*, server: Server, acting: Principal | None, **unused: Any) -> None:
    """A mounted server's endpoints follow its current revision; hosts that were granted or taken reach imports too."""
    publishing.publish_members_of(server, acting=acting)
