"""Signing keys: one issuer's own, sealed by its tenant's data key, rotated with an overlap, published as a JWKS.

A new key is published first and signs later, so that whoever keeps the key set knows it by then. A superseded one
stays published until the last token it signed has expired.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import ECKey

from controlplane.announcements import GRANTS, announce_on_commit
from controlplane.audit.services import record
from controlplane.issuer.models import SigningKey
from mcp_runtime.authorization.access_tokens import ALGORITHM, TOKEN_TYPE
from tenants.context import require_tenant_id
from tenants.identifiers import new_id
from tenants.principal import Principal
from tenants.roles import require

ACCESS_SECONDS: Final = 15 * 60
LEAD = timedelta(minutes=10)
"""How long a new key is only published: longer than the key set may be kept in caches (`JWKS_SECONDS`)."""
OVERLAP = timedelta(seconds=ACCESS_SECONDS) + timedelta(minutes=1)
JWKS_SECONDS: Final = 300


def sign(claims: dict[str, Any]) -> str:
    """A compact JWS of the current tenant's issuer (RFC 9068: `typ` is `at+jwt`)."""
    row = _signer(timezone.now()) or _add_key(timezone.now())
    key = ECKey.import_key(row.unseal())
    return jwt.encode({"alg": ALGORITHM, "typ": TOKEN_TYPE, "kid": row.id}, claims, key, algorithms=[ALGORITHM])


def key_set() -> dict[str, list[dict[str, Any]]]:
    """The public keys that may have signed what is still valid, or will sign soon (RFC 7517)."""
    rows = list(SigningKey.objects.all())
    if not rows:
        rows = [_add_key(timezone.now())]
    return {"keys": [row.public for row in rows]}


def published(*, acting: Principal | None) -> list[SigningKey]:
    """Newest first; none before the first login."""
    require(acting, "tenant:write")
    return list(SigningKey.objects.all())


def rotate(*, acting: Principal | None, at_once: bool = False) -> SigningKey:
    """A new signing key. `at_once` is for a key that leaked: the old ones, and every token they signed, end now."""
    require(acting, "tenant:write")
    tenant_id = require_tenant_id("Signing keys")
    now = timezone.now()
    rows = list(SigningKey.objects.select_for_update())
    if at_once:
        SigningKey.objects.filter(pk__in=[row.pk for row in rows]).delete()
        key = _add_key(now)
    else:
        _drop_superseded(rows, now)
        key = _add_key(now + LEAD if _signer(now) else now)
    record(
        "issuer.key_rotated", tenant_id=tenant_id, acting=acting, target=key.id,
        before={"keys": sorted(row.id for row in rows)}, after={"key": key.id, "at_once": at_once},
    )  # fmt: skip
    return key


def _signer(now: datetime) -> SigningKey | None:
    """The rows are ordered: the newest whose time has come."""
    return SigningKey.objects.filter(signs_from__lte=now).first()


def _add_key(signs_from: datetime) -> SigningKey:
    """Two processes may both make a tenant's first key: then both are published, and one of them signs."""
    private = ec.generate_private_key(ec.SECP256R1())
    row = SigningKey(id=new_id("sgk"), tenant_id=require_tenant_id("Signing keys"), signs_from=signs_from)
    row.seal(private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    public = ECKey.import_key(private.public_key()).as_dict(private=False)
    row.public = {**public, "kid": row.id, "alg": ALGORITHM, "use": "sig"}
    row.save()
    announce_on_commit(GRANTS, "*")
    return row


def _drop_superseded(rows: list[SigningKey], now: datetime) -> None:
    """A key that was followed by another long enough ago has signed nothing that is still valid."""
    ready = [row for row in rows if row.signs_from <= now - OVERLAP]
    SigningKey.objects.filter(pk__in=[row.pk for row in ready[1:]]).delete()
