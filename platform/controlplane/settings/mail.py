"""Mail and who may sign up. Django's EMAIL_ settings are read from one address: smtp://name:password@host:587."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from controlplane import env

_address = env.url("STOA_SMTP_URL")
_parts = urlsplit(_address)
if _address and not _parts.hostname:
    raise env.wrong("STOA_SMTP_URL", "names no host")

STOA_MAIL = bool(_address)
"""Whether mails can be sent. Without, invitations are links that one passes on, and operators make password links."""
EMAIL_HOST = _parts.hostname or ""
EMAIL_PORT = _parts.port or {"smtps": 465, "smtp+starttls": 587}.get(_parts.scheme, 25)
EMAIL_HOST_USER = unquote(_parts.username or "")
EMAIL_HOST_PASSWORD = unquote(_parts.password or "")
EMAIL_USE_SSL = _parts.scheme == "smtps"
EMAIL_USE_TLS = _parts.scheme == "smtp+starttls"
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.text("STOA_MAIL_FROM", default=f"stoa@{EMAIL_HOST or 'localhost'}")

STOA_SIGN_UP = env.choice("STOA_SIGN_UP")
"""Who may make an account: whoever was invited, or anyone who reads mail at their address."""
if STOA_SIGN_UP == "open" and not STOA_MAIL:
    raise env.wrong("STOA_SIGN_UP", "needs mail", value=STOA_SIGN_UP)
