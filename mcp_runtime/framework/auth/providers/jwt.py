"""Signed tokens of an issuer, tokens in a table, and keys to test with (FASTMCP A-09)."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mcp_runtime.framework.auth.environment import Settings
from mcp_runtime.framework.auth.errors import WrongSetting
from mcp_runtime.framework.auth.fetch import Fetcher
from mcp_runtime.framework.auth.jose import ALGORITHMS, claims_of, header_of, import_key, is_symmetric, signed
from mcp_runtime.framework.auth.jwks import PublishedKeys
from mcp_runtime.framework.auth.provider import TokenVerifier, checked_url
from mcp_runtime.framework.auth.tables import TokenTable
from mcp_runtime.framework.auth.tokens import AccessToken, scopes_of, seconds_of

if TYPE_CHECKING:
    import httpx2

    from mcp_runtime.framework.auth.jose import Key

__all__ = ("JWTProvider", "JWTVerifier", "RSAKeyPair", "StaticTokenVerifier")

logger = logging.getLogger(__name__)

_LEEWAY_SECONDS = 30
_SHORT_SECRET = 32
_HEADER_TYPES = frozenset({"jwt", "at+jwt", "application/at+jwt"})


class JWTVerifier(TokenVerifier):
    """Accepts the signed tokens of `issuer` for `audience`, by a key given or by the keys that it publishes.

    With HS256, HS384 and HS512 `public_key` is the shared secret; with the others it is a PEM text. Say `audience`
    wherever the issuer has more than one audience: without it a token for another server opens this one.
    """

    accepts_id_tokens = False

    def __init__(
        self,
        *,
        public_key: str | bytes | None = None,
        jwks_uri: object | None = None,
        issuer: str | Iterable[str] | None = None,
        audience: str | Iterable[str] | None = None,
        algorithm: str | None = None,
        required_scopes: Iterable[str] | None = None,
        base_url: object | None = None,
        resource_base_url: object | None = None,
        ssrf_safe: bool = False,
        http_client: httpx2.AsyncClient | None = None,
        jwks_refresh_interval: float = 30.0,
    ) -> None:
        # The environment speaks for a verifier that was not told whose tokens it verifies, and for no other.
        settings = Settings(type(self).__name__, *(["JWT"] if public_key is None and jwks_uri is None else []))
        super().__init__(
            settings.text("base_url", base_url),
            settings.words("required_scopes", required_scopes),
            resource_base_url=resource_base_url,
        )
        public_key = settings.text("public_key", None) if public_key is None else public_key
        jwks_uri = settings.text("jwks_uri", jwks_uri)
        self.algorithm = settings.text("algorithm", algorithm) or "RS256"
        self.issuers = settings.words("issuer", issuer)
        self.audiences = settings.words("audience", audience)
        self.jwks_uri = None if jwks_uri is None else checked_jwks_uri(jwks_uri)
        self._material = public_key
        self._key: Key | None = None
        self._published: PublishedKeys | None = None
        self._refuse_what_cannot_work()
        if self.jwks_uri is not None:
            self.use_published_keys(
                self.jwks_uri,
                Fetcher(http_client, public_only=ssrf_safe),
                again_seconds=jwks_refresh_interval,
            )

    def use_published_keys(
        self, uri: str | Callable[[], Awaitable[str]], fetcher: Fetcher, *, again_seconds: float = 30.0
    ) -> None:
        """Verify by the keys that `uri` publishes, or the address that a function finds when it is first needed."""
        self._published = PublishedKeys(uri, self.algorithm, fetcher, again_seconds=again_seconds)

    async def verify_token(self, token: str) -> AccessToken | None:
        header = header_of(token)
        if header is None or header.get("alg") != self.algorithm:
            return None
        if str(header.get("typ", "jwt")).lower() not in _HEADER_TYPES:
            return None
        key = await self._key_for(header.get("kid"))
        claims = None if key is None else claims_of(token, key, self.algorithm)
        if claims is None or not self.accepts(claims):
            return None
        return self.access_token(token, claims)

    def accepts(self, claims: Mapping[str, Any]) -> bool:
        """Whether an authentic token is meant for this server, now (RFC 7519 section 4.1; PROTOCOL A-06, A-07)."""
        return (
            _within_its_time(claims, time.time())
            and self.accepts_issuer(claims)
            and self.accepts_audience(claims)
            and (self.accepts_id_tokens or not _is_another_kind(claims))
        )

    def accepts_issuer(self, claims: Mapping[str, Any]) -> bool:
        return self.issuers is None or claims.get("iss") in self.issuers

    def accepts_audience(self, claims: Mapping[str, Any]) -> bool:
        if self.audiences is None:
            return True
        given = claims.get("aud")
        return any(audience in self.audiences for audience in ([given] if isinstance(given, str) else given or ()))

    def access_token(self, token: str, claims: Mapping[str, Any]) -> AccessToken:
        client = claims.get("client_id") or claims.get("azp") or claims.get("sub") or "unknown"
        scopes = scopes_of(claims, "scope", "scp")
        return AccessToken(token, str(client), scopes, seconds_of(claims.get("exp")), claims)

    async def _key_for(self, kid: object) -> Key | None:
        if self._published is not None:
            return await self._published.find(kid if isinstance(kid, str) else None)
        if self._key is None and self._material is not None:
            self._key = import_key(self._material, self.algorithm)
        return self._key

    def _refuse_what_cannot_work(self) -> None:
        if self.algorithm not in ALGORITHMS:
            raise WrongSetting(f"algorithm={self.algorithm!r} is not one of {', '.join(ALGORITHMS)}.")
        if (self._material is None) == (self.jwks_uri is None):
            raise WrongSetting(
                "JWTVerifier needs public_key= or jwks_uri=, and not both; in the environment "
                "FASTMCP_SERVER_AUTH_JWT_PUBLIC_KEY or FASTMCP_SERVER_AUTH_JWT_JWKS_URI."
            )
        material = self._material if isinstance(self._material, bytes) else (self._material or "").encode()
        looks_public = material.lstrip().startswith((b"-----BEGIN", b"ssh-"))
        if is_symmetric(self.algorithm):
            if self.jwks_uri is not None or looks_public:
                raise WrongSetting(
                    f"algorithm={self.algorithm!r} needs a shared secret as public_key=: with a public key in its "
                    "place, everybody could sign tokens."
                )
            if len(material) < _SHORT_SECRET:
                logger.warning("The secret for %s has under %d bytes and can be guessed", self.algorithm, _SHORT_SECRET)
        elif self.jwks_uri is None and not looks_public:
            raise WrongSetting(f"public_key= is no PEM text, which {self.algorithm} needs; a secret needs HS256.")


class JWTProvider(JWTVerifier):
    """Tokens signed with a secret that this server shares: `JWTProvider(jwt_signing_key=…)`, HS256 by default."""

    def __init__(
        self,
        jwt_signing_key: str | bytes | None = None,
        *,
        issuer: str | Iterable[str] | None = None,
        audience: str | Iterable[str] | None = None,
        algorithm: str = "HS256",
        required_scopes: Iterable[str] | None = None,
        base_url: object | None = None,
    ) -> None:
        key = jwt_signing_key or Settings("JWTProvider", "JWT").text("signing_key", None)
        if not key:
            raise WrongSetting(
                "JWTProvider needs jwt_signing_key=, or the variable FASTMCP_SERVER_AUTH_JWT_SIGNING_KEY."
            )
        super().__init__(
            public_key=key,
            issuer=issuer,
            audience=audience,
            algorithm=algorithm,
            required_scopes=required_scopes,
            base_url=base_url,
        )


class StaticTokenVerifier(TokenVerifier):
    """Tokens in a table: `{"token": {"client_id": "ada", "scopes": ["read"]}}`. For development and tests."""

    def __init__(
        self,
        tokens: Mapping[str, Mapping[str, Any]],
        required_scopes: Iterable[str] | None = None,
        *,
        base_url: object | None = None,
    ) -> None:
        super().__init__(base_url, required_scopes)
        self.tokens = TokenTable(tokens, "client_id")

    async def verify_token(self, token: str) -> AccessToken | None:
        return self.tokens.find(token)


@dataclass(frozen=True)
class RSAKeyPair:
    """A pair of keys to test with: `pair = RSAKeyPair.generate(); JWTVerifier(public_key=pair.public_key)`."""

    private_key: str = field(repr=False)
    public_key: str

    @classmethod
    def generate(cls) -> RSAKeyPair:
        from joserfc.jwk import RSAKey

        key = RSAKey.generate_key(2048)
        return cls(key.as_pem(private=True).decode(), key.as_pem(private=False).decode())

    def create_token(
        self,
        subject: str = "fastmcp-user",
        issuer: str = "https://fastmcp.example.com",
        audience: str | list[str] | None = None,
        scopes: list[str] | None = None,
        expires_in_seconds: int = 3600,
        additional_claims: dict[str, Any] | None = None,
        kid: str | None = None,
    ) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {"sub": subject, "iss": issuer, "iat": now, "exp": now + expires_in_seconds}
        if audience is not None:
            claims["aud"] = audience
        if scopes is not None:
            claims["scope"] = " ".join(scopes)
        named = {} if kid is None else {"kid": kid}
        return signed(claims | (additional_claims or {}), import_key(self.private_key, "RS256"), "RS256", **named)


def checked_jwks_uri(value: object) -> str:
    text = str(value)
    checked_url(text.partition("?")[0], "jwks_uri")
    return text


def _within_its_time(claims: Mapping[str, Any], now: float) -> bool:
    times = [claims.get(name) for name in ("exp", "nbf", "iat")]
    if any(time is not None and (isinstance(time, str) or seconds_of(time) is None) for time in times):
        return False
    expires, begins, issued = times
    return (
        (expires is None or now < expires + _LEEWAY_SECONDS)
        and (begins is None or begins - _LEEWAY_SECONDS <= now)
        and (issued is None or issued - _LEEWAY_SECONDS <= now)
    )


def _is_another_kind(claims: Mapping[str, Any]) -> bool:
    """Whether it says itself that it is no access token: Cognito's `token_use`, Keycloak's `typ` (PROTOCOL A-06)."""
    said = [claims.get("token_use"), claims.get("typ")]
    return any(isinstance(word, str) and word.lower() in ("id", "refresh", "offline", "logout") for word in said)
