"""The public address, asked from outside: is it us, and what do the proxies tell us about callers? And mail."""

from __future__ import annotations

from collections.abc import Iterator
from smtplib import SMTPException
from urllib.parse import urlsplit

import httpx2
from django.conf import settings
from django.core.mail import get_connection

from controlplane import probing
from controlplane.cli.doctor.findings import Finding, Level

SECONDS = 5.0
PRETENDED = "192.0.2.77"
"""An address of nobody (RFC 5737): whoever believes it believes every caller."""


def check() -> Iterator[Finding]:
    yield from _address()
    yield _mail()


def _address() -> Iterator[Finding]:
    public = settings.STOA_PUBLIC_URL
    if settings.STOA_ENV == "production" and not public.startswith("https://"):
        remedy = "Put a proxy with a certificate in front, and set STOA_PUBLIC_URL to its https address."
        yield Finding("public address", Level.ERROR, f"{public} is not https: tokens travel in the open", remedy)
    headers = {probing.HEADER: probing.make_pass(), "X-Forwarded-For": PRETENDED}
    try:
        answer = httpx2.get(f"{public}/healthz", headers=headers, timeout=SECONDS, follow_redirects=False)
        seen = answer.json() if answer.status_code == 200 else None
    except (httpx2.HTTPError, ValueError) as error:
        remedy = "Check STOA_PUBLIC_URL, its DNS name and certificate, and that the proxy runs."
        yield Finding("public address", Level.ERROR, f"{public} is not reached: {type(error).__name__}", remedy)
        return
    if not isinstance(seen, dict) or "scheme" not in seen:
        remedy = "Check that the proxy passes every path to `stoa web`, and that all processes share STOA_SECRET_KEY."
        yield Finding("public address", Level.ERROR, f"{public}/healthz is not answered by this installation", remedy)
        return
    yield Finding("public address", Level.OK, f"{public} leads here")
    yield from _proxies(seen)


def _proxies(seen: dict[str, str]) -> Iterator[Finding]:
    scheme = urlsplit(settings.STOA_PUBLIC_URL).scheme
    if seen["scheme"] != scheme:
        remedy = "Let the proxy set X-Forwarded-Proto, and name the proxy's address to the web process as trusted."
        yield Finding("proxy headers", Level.ERROR, f"{scheme} requests arrive as {seen['scheme']}", remedy)
    elif seen["client"] == PRETENDED and not _is_this_machine():
        remedy = "Let the outermost proxy overwrite X-Forwarded-For, and trust no address but the proxies'."
        yield Finding("proxy headers", Level.ERROR, "callers can say that they are somebody else", remedy)
    else:
        yield Finding("proxy headers", Level.OK, f"we came as {seen['client']} over {scheme}")


def _is_this_machine() -> bool:
    """Then the doctor comes from where a proxy would, and is believed as one."""
    return urlsplit(settings.STOA_PUBLIC_URL).hostname in ("localhost", "127.0.0.1", "::1")


def _mail() -> Finding:
    if not settings.STOA_MAIL:
        remedy = "Set STOA_SMTP_URL, or leave it so: invitations are then links that one passes on."
        return Finding("mail", Level.WARNING, "no mail can be sent", remedy)
    connection = get_connection()
    try:
        connection.open()
        connection.close()
    except (SMTPException, OSError) as error:
        remedy = "Check host, port, name and password in STOA_SMTP_URL."
        return Finding("mail", Level.ERROR, f"the mail server does not let us in: {type(error).__name__}", remedy)
    return Finding("mail", Level.OK, f"{settings.EMAIL_HOST} takes our mail")
