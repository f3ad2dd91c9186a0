"""Addresses of a provider here: where a sign-in by it begins, and the redirect URI to register at it.

Each provider has a redirect URI of its own, so that an answer meant for one can never be taken for another's
(RFC 9700 section 4.4.2.2). All come from the configured public URL, never from a request's headers.
"""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings


def redirect_uri(tenant: str, slug: str) -> str:
    return f"{settings.STOA_PUBLIC_URL}/sign-in/{tenant}/{slug}/callback"


def start_path(tenant: str, slug: str, next_url: str = "") -> str:
    path = f"/sign-in/{tenant}/{slug}/"
    return f"{path}?next={quote(next_url, safe='')}" if next_url else path
