"""What holds in every environment. The environment's own module is imported through `controlplane.settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controlplane import env
from controlplane.settings.logs import logging_configuration
from controlplane.settings.mail import *
from controlplane.settings.tasks import *

STOA_HOME = env.home()
STOA_STORE = env.path("STOA_STORE", default=STOA_HOME / "store")
STOA_MAX_UPLOAD_BYTES = env.integer("STOA_MAX_UPLOAD_MB") * 1024 * 1024
STOA_RUNNER_SOCKET = env.path("STOA_RUNNER_SOCKET", default=STOA_HOME / "run" / "runner.sock")
STOA_BUILD_INDEX_URL = env.url("STOA_BUILD_INDEX_URL")
STOA_DRAIN_SECONDS = env.integer("STOA_DRAIN_SECONDS")
STOA_TRUSTED_PROXIES = env.networks("STOA_TRUSTED_PROXIES")
STOA_CALLS_SAMPLE_PERCENT = env.integer("STOA_CALLS_SAMPLE_PERCENT")
OTEL_EXPORTER_OTLP_ENDPOINT = env.url("OTEL_EXPORTER_OTLP_ENDPOINT")
STOA_TRACES_SAMPLE_PERCENT = env.integer("STOA_TRACES_SAMPLE_PERCENT")
STOA_CALLS_KEEP_DAYS = env.integer("STOA_CALLS_KEEP_DAYS")
STOA_FETCH_NETWORKS = env.networks("STOA_FETCH_NETWORKS")
STOA_SANDBOX_LAUNCHER = env.choice("STOA_SANDBOX_LAUNCHER")

# Applications. Ours are in the order of ARCHITECTURE 2: what stands below knows nothing of what stands above.

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "tenants",
    "controlplane.audit",
    "controlplane.accounts",
    "controlplane.keys",
    "controlplane.vault",
    "controlplane.calls",
    "controlplane.registry",
    "controlplane.composition",
    "controlplane.issuer",
    "controlplane.connections",
    "controlplane.tasks",
    "controlplane.providers",
    "controlplane.declarative",
    "controlplane.api",
    "controlplane.dashboard",
    "controlplane.cli",
    "controlplane.celery.CeleryConfig",  # every process publishes tasks to the same broker
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "controlplane.dashboard.middleware.ContentSecurityPolicy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "controlplane.urls"
ASGI_APPLICATION = "controlplane.asgi.application"

# Templates stand at the root of a checkout and travel as `controlplane/_templates` in a wheel.

_PACKAGE = Path(env.__file__).resolve().parent
STOA_TEMPLATES = _PACKAGE / "_templates" if (_PACKAGE / "_templates").is_dir() else env.CHECKOUT / "templates"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [STOA_TEMPLATES / "html"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

STATIC_URL = "/static/"
STATIC_ROOT = STOA_HOME / "static"

# People and their passwords

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["controlplane.accounts.backends.Passwords"]
SILENCED_SYSTEM_CHECKS = ["auth.W004"]  # addresses are unique among accounts with passwords, not in the whole table
SESSION_ENGINE = "controlplane.accounts.sessions"
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_RESET_TIMEOUT = 24 * 3600  # of links that set a password
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = LOGIN_URL

SESSION_COOKIE_NAME = "stoa_session"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"

# The management API. Closed unless a view says how it is opened.

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Stoa management API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {  # of fields that share a name
        "ProviderKindEnum": "controlplane.providers.kinds.KINDS",
        "ServerKindEnum": "controlplane.registry.models.Server.Kind",
    },
}

# The management API

STOA_API_REQUESTS_A_MINUTE = env.integer("STOA_API_REQUESTS_A_MINUTE")

# The record of who did what

STOA_AUDIT_DAYS = env.integer("STOA_AUDIT_DAYS")

# Logs

STOA_LOG_LEVEL = env.choice("STOA_LOG_LEVEL")
LOGGING = logging_configuration(json=env.choice("STOA_LOG_FORMAT", default="text") == "json", level=STOA_LOG_LEVEL)

# Metrics

STOA_METRICS_NETWORKS = env.networks("STOA_METRICS_NETWORKS")
STOA_METRICS_TOKEN = env.text("STOA_METRICS_TOKEN")
if STOA_METRICS_TOKEN and len(STOA_METRICS_TOKEN) < 16:
    raise env.wrong("STOA_METRICS_TOKEN", "is shorter than 16 characters")

# The rest

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
