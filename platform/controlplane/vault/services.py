"""Servers' secrets: written and replaced, listed by fingerprint, opened only for the sandbox.

Call inside `acting_for`; `environment` opens its own block. Whether the server exists is the caller's question:
the vault knows no registry.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.audit.services import record
from controlplane.vault.models import Secret
from tenants import datakeys, sealed
from tenants.context import acting_for, require_tenant_id
from tenants.identifiers import new_id
from tenants.principal import Principal
from tenants.roles import require

MAX_VALUE_BYTES = 32 * 1024
MAX_SECRETS = 100
"""Of one server: with the limit of a value it keeps a worker's environment inside its memory."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_RESERVED = ("LD_", "PYTHON", "STOA_")
"""Prefixes that steer the loader, the interpreter or the sandbox itself."""


class InvalidSecretError(ValueError):
    """The name or value cannot be an environment variable. The message never repeats the value."""


class SecretNotFoundError(LookupError):
    def __init__(self, name: str) -> None:
        super().__init__(f"This server has no secret {name[:128]!r}.")


@dataclass(frozen=True, slots=True)
class SecretInfo:
    """All that is ever told about a secret."""

    name: str
    fingerprint: str
    updated_at: datetime
    updated_by: str


def set_secret(server_id: str, name: str, value: str, *, acting: Principal | None) -> SecretInfo:
    """Write or replace. Workers that start from now on get it. Raises InvalidSecretError, NotPermittedError."""
    require(acting, "secrets:write")
    tenant_id = require_tenant_id("Secrets")
    plaintext = _check(name, value)

    secret = Secret.objects.select_for_update().filter(server_id=server_id, name=name).first()
    before = _state(secret) if secret else None
    if secret is None:
        if Secret.objects.filter(server_id=server_id).count() >= MAX_SECRETS:
            raise InvalidSecretError(f"A server has at most {MAX_SECRETS} secrets. Delete one that is not used.")
        secret = Secret(id=new_id("sec"), tenant_id=tenant_id, server_id=server_id, name=name)
    secret.seal(plaintext)
    secret.updated_at = timezone.now()
    secret.updated_by = acting.subject if acting else ""
    try:
        with transaction.atomic():
            secret.save()
    except IntegrityError:  # someone else wrote the first value of this name just now: replace theirs
        return set_secret(server_id, name, value, acting=acting)
    record("secret.set", tenant_id=tenant_id, acting=acting, target=secret.id, before=before, after=_state(secret))
    return _info(secret)


def delete_secret(server_id: str, name: str, *, acting: Principal | None) -> None:
    """Raises SecretNotFoundError."""
    require(acting, "secrets:write")
    secret = Secret.objects.select_for_update().filter(server_id=server_id, name=name).first()
    if secret is None:
        raise SecretNotFoundError(name)
    before, target = _state(secret), secret.id
    secret.delete()
    record("secret.deleted", tenant_id=secret.tenant_id, acting=acting, target=target, before=before)


def list_secrets(server_id: str, *, acting: Principal | None) -> list[SecretInfo]:
    require(acting, "secrets:read")
    return [_info(secret) for secret in Secret.objects.filter(server_id=server_id).order_by("name")]


def rotate_data_key(*, acting: Principal | None) -> int:
    """A new data key for the tenant, and everything sealed anew under it; how many values that were.

    Nothing pauses and nothing has to be entered again.
    """
    require(acting, "tenant:write")
    tenant_id = require_tenant_id("Data keys")
    before, count = datakeys.newest_id(), sealed.rotate_data_key()
    after = {"data_key": datakeys.newest_id(), "sealed_anew": count}
    record(
        "tenant.data_key_rotated", tenant_id=tenant_id, acting=acting, target=tenant_id,
        before={"data_key": before}, after=after,
    )  # fmt: skip
    return count


def environment(tenant_id: str, server_id: str) -> dict[str, str]:
    """The server's variables, opened: for the moment in which a worker is claimed. Never log or keep the result."""
    with acting_for(tenant_id):
        secrets = list(Secret.objects.filter(server_id=server_id))
        return {secret.name: secret.unseal().decode() for secret in secrets}


def _info(secret: Secret) -> SecretInfo:
    return SecretInfo(secret.name, secret.fingerprint, secret.updated_at, secret.updated_by)


def _state(secret: Secret) -> dict[str, object]:
    return {"server_id": secret.server_id, "name": secret.name, "fingerprint": secret.fingerprint}


def _check(name: str, value: str) -> bytes:
    if not _NAME.fullmatch(name):
        raise InvalidSecretError("A secret's name has letters, digits and underscores, at most 128, no digit first.")
    if name.upper().startswith(_RESERVED):
        raise InvalidSecretError(f"The sandbox keeps names that start with {', '.join(_RESERVED)} for itself.")
    if "\0" in value:
        raise InvalidSecretError(f"The value of {name} contains a NUL character, which no environment variable can.")
    try:
        plaintext = value.encode()
    except UnicodeEncodeError:
        raise InvalidSecretError(f"The value of {name} is not valid Unicode text.") from None
    if len(plaintext) > MAX_VALUE_BYTES:
        raise InvalidSecretError(f"The value of {name} is over {MAX_VALUE_BYTES // 1024} kB; keep files in the bundle.")
    return plaintext
