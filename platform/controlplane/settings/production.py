"""Settings of an installation that serves others. A secret without a value stops the start, naming it."""

from __future__ import annotations

from controlplane import env
from controlplane.settings import services
from controlplane.settings.base import *
from controlplane.settings.databases import databases
from controlplane.settings.logs import logging_configuration

STOA_ENV = "production"
DEBUG = False

SECRET_KEY = env.text("STOA_SECRET_KEY")
if len(SECRET_KEY) < 32:
    raise env.wrong("STOA_SECRET_KEY", "is shorter than 32 characters")
STOA_KEY_ENCRYPTION_KEYS = services.key_encryption_keys(default=None)

STOA_PUBLIC_URL = services.public_url(default=None)
ALLOWED_HOSTS = services.allowed_hosts(STOA_PUBLIC_URL)
STOA_ALLOWED_ORIGINS = services.allowed_origins()
CSRF_TRUSTED_ORIGINS = [STOA_PUBLIC_URL]

# Cookies of an https address stay on https. A plain address is for a proxy-less try inside a trusted network.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = STOA_PUBLIC_URL.startswith("https://")
if SESSION_COOKIE_SECURE:
    SESSION_COOKIE_NAME = "__Host-stoa_session"
    CSRF_COOKIE_NAME = "__Host-stoa_csrf"
    SECURE_HSTS_SECONDS = 31_536_000

LOGGING = logging_configuration(json=env.choice("STOA_LOG_FORMAT", default="json") == "json", level=STOA_LOG_LEVEL)

DATABASES = databases(default_url=None)
REDIS_URL = services.redis_url(default=None)
CACHES = services.caches(REDIS_URL)
CHANNEL_LAYERS = services.channel_layers(REDIS_URL)
CELERY_BROKER_URL = broker_url(REDIS_URL)
