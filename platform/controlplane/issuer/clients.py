"""Clients: found, registered by themselves (RFC 7591), changed and removed (RFC 7592). Inside `acting_for(tenant)`."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from controlplane.audit.services import record
from controlplane.issuer import secrets
from controlplane.issuer.client_metadata import MAX_NAME, ClientMetadata
from controlplane.issuer.errors import ClientNotFoundError, InvalidClientError
from controlplane.issuer.logins import revoke_grants
from controlplane.issuer.models import MAX_CLIENT_ID, Client, Consent, Grant
from tenants.context import require_tenant_id
from tenants.identifiers import new_id
from tenants.principal import Principal
from tenants.roles import require

UNUSED_FOR = timedelta(days=1)
"""After this, a registration that nobody used is dropped."""
MAX_UNUSED = 2_000
"""Of one tenant; beyond, the oldest make room. Nobody is refused for what others registered."""
PER_MINUTE = 300
"""Registrations of one tenant. Hosted clients register for all their people from a few addresses, so no narrower."""


class TooManyRegistrationsError(Exception):
    """More in one minute than people can log in."""


def find_client(client_id: str) -> Client | None:
    """None also for what can be no identifier: it may come from a header that nobody has looked at."""
    if "\0" in client_id or len(client_id) > MAX_CLIENT_ID:
        return None
    return Client.objects.filter(client_id=client_id).first()


def register(metadata: ClientMetadata) -> tuple[Client, str | None, str]:
    """A new client, its secret when it has one, and the token that manages it. Both are shown this once.

    It is not on the record, which strangers could fill without end; the first login with it is.
    Raises TooManyRegistrationsError.
    """
    now = timezone.now()
    _make_room(now)
    client = Client(
        id=new_id("cli"), kind=Client.Kind.REGISTERED, metadata=metadata.as_json(), tenant_id=require_tenant_id()
    )
    client.client_id = client.id
    secret = None
    if metadata.confidential:
        secret = secrets.new_secret("cs")
        client.secret_digest = secrets.digest(secret)
    token = secrets.new_secret("rg")
    client.registration_digest = secrets.digest(token)
    client.save()
    return client, secret, token


def make(name: str, endpoint_id: str, *, acting: Principal | None) -> tuple[Client, str]:
    """A program that acts for itself at one endpoint, and its secret, shown this once."""
    require(acting, "keys:write")
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise InvalidClientError(f"A program needs a name of 1 to {MAX_NAME} printable characters.")
    client = Client(id=new_id("cli"), kind=Client.Kind.MANUAL, tenant_id=require_tenant_id(), endpoint_id=endpoint_id)
    client.client_id = client.id
    client.metadata = {
        "client_name": name,
        "redirect_uris": [],
        "grant_types": ["client_credentials"],
        "response_types": [],
        "token_endpoint_auth_method": "client_secret_basic",
    }
    secret = secrets.new_secret("cs")
    client.secret_digest = secrets.digest(secret)
    client.save()
    record("client.made", tenant_id=client.tenant_id, acting=acting, target=client.id, after=_state(client))
    return client, secret


def made_by_hand(*, acting: Principal | None) -> list[Client]:
    """Newest first."""
    require(acting, "keys:read")
    return list(Client.objects.filter(kind=Client.Kind.MANUAL).select_related("endpoint").order_by("-created_at"))


def remove_made(client_id: str, *, acting: Principal | None) -> None:
    """With its logins. Raises ClientNotFoundError."""
    require(acting, "keys:write")
    client = Client.objects.filter(kind=Client.Kind.MANUAL, client_id=client_id).first()
    if client is None:
        raise ClientNotFoundError(client_id)
    remove(client, acting=acting)


def remove_all_made(*, acting: Principal | None) -> int:
    """For an incident: their secrets are keys. How many there were."""
    require(acting, "tenant:write")
    found = list(Client.objects.filter(kind=Client.Kind.MANUAL))
    for client in found:
        remove(client, acting=acting)
    return len(found)


def managed_by(token: str, client_id: str) -> Client | None:
    """The client when this is its registration token."""
    client = find_client(client_id)
    if client is None or client.registration_digest is None:
        return None
    return client if secrets.matches(token, bytes(client.registration_digest)) else None


def change(client: Client, metadata: ClientMetadata) -> Client:
    """Replace what it says about itself. People consented to the old text and addresses: they are asked again."""
    before = _state(client)
    client.metadata = metadata.as_json()
    if not metadata.confidential:
        client.secret_digest = None
    client.save(update_fields=["metadata", "secret_digest"])
    Consent.objects.filter(client=client).delete()
    record(
        "client.changed", tenant_id=client.tenant_id, acting=None, target=client.id, before=before, after=_state(client)
    )
    return client


def remove(client: Client, *, acting: Principal | None = None) -> None:
    """With everything it was given."""
    revoke_grants(Grant.objects.filter(client=client), because="client_removed", acting=acting)
    before, target = _state(client), client.id
    client.delete()
    record("client.removed", tenant_id=client.tenant_id, acting=acting, target=target, before=before)


def _make_room(now: datetime) -> None:
    """Registrations that nobody used go after a day, or earlier when there are too many."""
    registered = Client.objects.filter(kind=Client.Kind.REGISTERED)
    if registered.filter(created_at__gt=now - timedelta(minutes=1)).count() >= PER_MINUTE:
        raise TooManyRegistrationsError
    unused = registered.filter(last_used_at=None)
    unused.filter(created_at__lt=now - UNUSED_FOR).delete()
    surplus = unused.order_by("-created_at").values_list("pk", flat=True)[MAX_UNUSED:]
    Client.objects.filter(pk__in=list(surplus)).delete()


def _state(client: Client) -> dict[str, object]:
    return {"client_id": client.client_id, "kind": client.kind, "metadata": client.metadata}
