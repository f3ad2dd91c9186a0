"""Settings of `stoa up` and of work on the code. Nothing is required: what needs a missing value says so when used."""

from __future__ import annotations

import secrets
import sys

from controlplane import env
from controlplane.settings import services
from controlplane.settings.base import *
from controlplane.settings.databases import NO_REDIS, NOWHERE, databases

STOA_ENV = "development"
DEBUG = False

# Without a value each process makes its own: sessions end with it, and no default secret can be guessed.
SECRET_KEY = env.text("STOA_SECRET_KEY", default=secrets.token_urlsafe(48))
# Without a value nothing can be sealed, and trying says so: a made-up key would lose what it sealed.
STOA_KEY_ENCRYPTION_KEYS = services.key_encryption_keys(default="")

STOA_PUBLIC_URL = services.public_url(default="http://127.0.0.1:8000")
ALLOWED_HOSTS = [*services.allowed_hosts(STOA_PUBLIC_URL), "localhost", "127.0.0.1", "[::1]"]
STOA_ALLOWED_ORIGINS = services.allowed_origins()
CSRF_TRUSTED_ORIGINS = [STOA_PUBLIC_URL]

if "runserver" in sys.argv:  # Daphne makes it speak ASGI; any other process would import Twisted for nothing.
    INSTALLED_APPS = ["daphne", *INSTALLED_APPS]

DATABASES = databases(default_url=NOWHERE)
REDIS_URL = services.redis_url(default=NO_REDIS)
CACHES = services.caches(REDIS_URL)
CHANNEL_LAYERS = services.channel_layers(REDIS_URL)
CELERY_BROKER_URL = broker_url(REDIS_URL)
