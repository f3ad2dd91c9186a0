"""The gateways' trust in the tenants' issuers, out of Postgres (`mcp_runtime.ports.trust.Trust`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing

import msgspec
from django.db import connection

from controlplane.announcements import GRANTS, listen
from controlplane.issuer.addresses import issuer_url
from mcp_runtime.ports.trust import Revocation, Signers
from tenants.context import in_thread


class DatabaseTrust:
    """One query for the keys of all tenants that a gateway serves, one for what was revoked lately."""

    async def signers(self, tenants: Collection[str]) -> Mapping[str, Signers]:
        return await in_thread(signers_of, tenants)

    async def revocations(self, seconds: float) -> Collection[Revocation]:
        return await in_thread(revoked_lately, seconds)

    async def announcements(self) -> AsyncGenerator[Revocation | None, None]:
        async with aclosing(listen(GRANTS)) as messages:
            async for message in messages:
                if message is None or message == "*":
                    yield None
                else:
                    grant_id, _, subject = message.partition(" ")
                    yield Revocation(grant_id, subject)


def signers_of(tenants: Collection[str]) -> dict[str, Signers]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT slug, tenant, kid, public FROM public.issuer_signers(%s)", [list(tenants)])
        rows = cursor.fetchall()
    keys: dict[str, dict[str, Mapping[str, str]]] = {}
    identifiers: dict[str, str] = {}
    for slug, tenant_id, kid, public in rows:
        identifiers[slug] = tenant_id
        keys.setdefault(slug, {})[kid] = msgspec.json.decode(public, type=dict[str, str])
    return {slug: Signers(tenant_id, issuer_url(slug), keys[slug]) for slug, tenant_id in identifiers.items()}


def revoked_lately(seconds: float) -> list[Revocation]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT login, subject FROM public.issuer_revocations(%s)", [str(seconds)])
        return [Revocation(*row) for row in cursor.fetchall()]
