"""What is built from Redis' URL and the public address, the same way in each environment."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from controlplane import env


def redis_url(*, default: str | None) -> str:
    return env.url("REDIS_URL", default=default)


def channel_layers(redis: str) -> dict[str, dict[str, Any]]:
    """Fan-out over Redis pub/sub: at most once, so it only wakes readers who then look in Postgres."""
    return {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [redis], "prefix": "stoa:channels"},
        }
    }


def caches(redis: str) -> dict[str, dict[str, Any]]:
    return {
        "default": {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": redis,
            "KEY_PREFIX": "stoa:cache",
        }
    }


def public_url(*, default: str | None) -> str:
    """The address people and MCP clients use, without a slash at the end."""
    return env.url("STOA_PUBLIC_URL", default=default).rstrip("/")


def allowed_hosts(public: str) -> list[str]:
    return env.words("STOA_ALLOWED_HOSTS", default=[urlsplit(public).hostname or ""])


def allowed_origins() -> list[str]:
    """Origins of web pages that may call endpoints, beside the platform's own."""
    origins = env.words("STOA_ALLOWED_ORIGINS")
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("https", "http") or not parts.hostname or origin != f"{parts.scheme}://{parts.netloc}":
            raise env.wrong("STOA_ALLOWED_ORIGINS", "is no origin", value=origin)
    return origins


def key_encryption_keys(*, default: str | None) -> tuple[bytes | str, ...]:
    """The key that wraps tenants' data keys, then the one before it while a rotation is under way."""
    current = _key_encryption_key("STOA_KEY_ENCRYPTION_KEY", default=default)
    previous = _key_encryption_key("STOA_KEY_ENCRYPTION_KEY_PREVIOUS", default="")
    return tuple(key for key in (current, previous) if key)


def _key_encryption_key(name: str, *, default: str | None) -> bytes | str:
    """Its 32 bytes, or the name of a key in AWS KMS, which is no secret."""
    value = env.text(name, default=default)
    if not value.startswith("aws-kms:"):
        return env.key(name, default=default)
    from tenants.key_encryption import AWS_KMS  # and with it the cryptography that most commands do without

    if AWS_KMS.fullmatch(value) is None:
        example = "aws-kms:arn:aws:kms:eu-central-1:111122223333:key/…"
        raise env.wrong(name, "is no name of a key in AWS KMS", f"Give its ARN: {example}")
    return value
