"""The pages of an OAuth proxy: the one that asks, and the one that says what went wrong (PROTOCOL O-11).

Everything a client says about itself is escaped text. Nobody may frame a page, nothing is loaded, no script runs.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from html import escape
from urllib.parse import urlsplit

from mcp_runtime.framework.auth.http import Response

__all__ = ("consent_page", "error_page")

_MOST_CHARACTERS = 120


def consent_page(
    *,
    server: str,
    client: str | None,
    redirect_uri: str,
    scopes: Sequence[str],
    txn_id: str,
    csrf: str,
    headers: Sequence[tuple[str, str]] = (),
    csp: str | None = None,
) -> Response:
    """Who asks, where the person is sent, for what; and a form that is good for this browser and this request only."""
    parts = urlsplit(redirect_uri)
    host = parts.hostname or parts.scheme
    warning = ""
    if host in ("localhost", "127.0.0.1", "::1"):
        warning = "<p><strong>A program on this computer will get access.</strong> Allow it only if you started it.</p>"
    listed = "".join(f"<li><code>{_short(scope)}</code></li>" for scope in scopes) or "<li>no particular scope</li>"
    body = f"""<h1>Allow access?</h1>
<p><strong>{_short(client or "An application without a name")}</strong> wants to use <strong>{_short(server)}</strong>
as you. The name is what the application says about itself.</p>
<p>You will be sent to <strong>{escape(host)}</strong>, at <code>{_short(redirect_uri)}</code>.</p>
{warning}
<p>It asks for:</p>
<ul>{listed}</ul>
<form method="post" action="">
<input type="hidden" name="txn_id" value="{escape(txn_id)}">
<input type="hidden" name="csrf" value="{escape(csrf)}">
<button name="action" value="approve">Allow</button>
<button name="action" value="deny">Deny</button>
</form>"""
    return _page("Allow access?", body, 200, headers, csp)


def error_page(message: str, *, status: int = 400) -> Response:
    return _page("This did not work", f"<h1>This did not work</h1><p>{escape(message)}</p>", status, (), None)


def _page(title: str, body: str, status: int, headers: Sequence[tuple[str, str]], csp: str | None) -> Response:
    nonce = secrets.token_urlsafe(16)
    page = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(title)}</title><style nonce="{nonce}">{_STYLE}</style></head>
<body><main>{body}</main></body></html>"""
    policy = csp or f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'"
    if "frame-ancestors" not in policy:
        policy = f"{policy.rstrip('; ')}; frame-ancestors 'none'"
    guards = (
        ("content-security-policy", policy),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),  # with none at all, the form would come without its origin
        ("cache-control", "no-store"),
    )
    return Response.html(page, status=status, headers=(*guards, *headers))


def _short(text: str) -> str:
    return escape(text if len(text) <= _MOST_CHARACTERS else text[:_MOST_CHARACTERS] + "…")


_STYLE = """body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f4f5;color:#18181b}
main{max-width:32rem;margin:10vh auto;padding:2rem;background:#fff;border:1px solid #d4d4d8;border-radius:8px}
code{overflow-wrap:anywhere}button{font:inherit;padding:.5rem 1.25rem;margin-right:.5rem}"""
