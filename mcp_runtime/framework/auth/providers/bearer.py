"""JWTVerifier by its first name, for servers written before it was renamed."""

from __future__ import annotations

from mcp_runtime.framework.auth.providers.jwt import JWTVerifier, RSAKeyPair

__all__ = ("BearerAuthProvider", "RSAKeyPair")

BearerAuthProvider = JWTVerifier
