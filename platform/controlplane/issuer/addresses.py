"""Addresses: of a tenant's issuer, of what it offers, and of the endpoints its tokens are for.

All of them come from the configured public URL, never from a request's headers (PROTOCOL A-04).
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.conf import settings

_RESOURCE = re.compile(r"/t/([a-z0-9-]{1,63})/([a-z0-9-]{1,63})/mcp", re.ASCII)


def issuer_url(tenant: str) -> str:
    """The tenant's issuer identifier, byte for byte as every document and token has it (PROTOCOL D-12)."""
    return f"{settings.STOA_PUBLIC_URL}/t/{tenant}"


def resource_url(tenant: str, endpoint: str) -> str:
    """What clients connect to, and so the identifier of the protected resource."""
    return f"{settings.STOA_PUBLIC_URL}/t/{tenant}/{endpoint}/mcp"


def management_url(tenant: str) -> str:
    """The tenant's part of the management API: a resource that `stoa login` asks for, and no MCP client."""
    return f"{settings.STOA_PUBLIC_URL}/api/v1/tenants/{tenant}"


def oauth_url(tenant: str, name: str) -> str:
    return f"{issuer_url(tenant)}/oauth/{name}"


def endpoint_of(resource: str, tenant: str) -> str | None:
    """The endpoint that a `resource` parameter names, None when it is none of this tenant's.

    Scheme and host may be written in capitals (PROTOCOL O-03); the rest is exact, and a fragment is no resource.
    """
    public = urlsplit(settings.STOA_PUBLIC_URL)
    try:
        parts = urlsplit(resource)
    except ValueError:
        return None
    if "#" in resource or "?" in resource or parts.scheme != public.scheme:
        return None
    if parts.netloc.lower() != public.netloc.lower():
        return None
    match = _RESOURCE.fullmatch(parts.path)
    return match[2] if match and match[1] == tenant else None
