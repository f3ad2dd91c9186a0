"""Clients whose identifier is the https address of their metadata (Client ID Metadata Documents, PROTOCOL O-10)."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.audit.services import record
from controlplane.issuer import client_metadata
from controlplane.issuer.client_metadata import ClientMetadata, InvalidMetadataError
from controlplane.issuer.models import MAX_CLIENT_ID, Client, Consent
from controlplane.outbound import Document, FetchError, fetch
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import ParseError
from tenants.context import acting_for, require_tenant_id
from tenants.identifiers import new_id

SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=1)
"""How long a document is believed, whatever its own Cache-Control says."""

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age=([0-9]{1,9})", re.ASCII | re.IGNORECASE)
_DOT_SEGMENTS = re.compile(r"/\.{1,2}(?:/|$)")


class InvalidDocumentError(Exception):
    """The client cannot be known by its document; the message may be shown to the person who was sent here."""


def is_address(client_id: str) -> bool:
    """Whether it can be the address of a document: https with a path, and nothing that could be read in two ways."""
    if not client_id.startswith("https://") or len(client_id) > MAX_CLIENT_ID:
        return False
    if not client_id.isascii() or not client_id.isprintable() or set(client_id) & set(' "\\<>^`{|}#'):
        return False
    try:
        parts = urlsplit(client_id)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or "@" in parts.netloc or parts.path in ("", "/"):
        return False
    return _DOT_SEGMENTS.search(parts.path) is None


def refresh(client_id: str, tenant_id: str) -> None:
    """Fetch the document unless what we have is fresh. Outside any transaction: the host may be slow.

    Raises InvalidDocumentError. A client that was known is not believed on an old document.
    """
    with acting_for(tenant_id):
        known = Client.objects.filter(client_id=client_id).first()
        if known is not None and known.fresh_until is not None and known.fresh_until > timezone.now():
            return
    try:
        document = fetch(client_id)
        metadata = read(client_id, document)
    except (FetchError, InvalidMetadataError) as error:
        raise InvalidDocumentError(str(error)) from error
    with acting_for(tenant_id):
        _keep(client_id, metadata, fresh_until=timezone.now() + lifetime(document.cache_control))


def read(client_id: str, document: Document) -> ClientMetadata:
    """What a document says. Raises InvalidMetadataError."""
    if document.content_type != "application/json" and not document.content_type.endswith("+json"):
        raise InvalidMetadataError("The client's metadata document is not application/json.")
    try:
        data = codec.read(document.body)
    except ParseError as error:
        raise InvalidMetadataError("The client's metadata document is not sound JSON.") from error
    if not isinstance(data, dict) or data.get("client_id") != client_id:
        raise InvalidMetadataError("The client's metadata document does not name its own address as client_id.")
    if not data.get("client_name"):
        raise InvalidMetadataError("The client's metadata document has no client_name.")
    if "client_secret" in data or data.get("token_endpoint_auth_method", "none") != "none":
        raise InvalidMetadataError("A client known by a public document has no secret: its method must be none.")
    return client_metadata.check(data, default_method="none")


def lifetime(cache_control: str) -> timedelta:
    found = _MAX_AGE.search(cache_control)
    wanted = timedelta(seconds=int(found[1])) if found else SHORTEST
    return max(SHORTEST, min(wanted, LONGEST))


def _keep(client_id: str, metadata: ClientMetadata, *, fresh_until: datetime) -> None:
    client = Client.objects.select_for_update().filter(client_id=client_id).first()
    said = metadata.as_json()
    if client is None:
        client = Client(id=new_id("cli"), tenant_id=require_tenant_id(), client_id=client_id)
        client.kind, client.metadata, client.fresh_until = Client.Kind.DOCUMENT, said, fresh_until
        try:
            with transaction.atomic():
                client.save()
        except IntegrityError:  # another request fetched it just now
            return
        record("client.met", tenant_id=client.tenant_id, acting=None, target=client.id, after=said)
        return
    before = client.metadata
    client.metadata, client.fresh_until = said, fresh_until
    client.save(update_fields=["metadata", "fresh_until"])
    if before != said:
        Consent.objects.filter(client=client).delete()
        record("client.changed", tenant_id=client.tenant_id, acting=None, target=client.id, before=before, after=said)
