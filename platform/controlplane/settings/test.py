"""Settings of the tests: as in development, with what makes thousands of small tests fast."""

from __future__ import annotations

from controlplane.settings.development import *

STOA_ENV = "test"
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "testserver"]

# A password hash takes 50 ms by design. Tests of passwords name the real hashers themselves.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *PASSWORD_HASHERS]
