"""Stand-ins of identity providers, each answering as that provider documents, oddities included.

`Google()` and the others are ASGI-free handlers behind an `httpx2.MockTransport`: whoever asks at their addresses gets
what the provider would say. A stand-in remembers what it gave: codes with their PKCE challenge, tokens with their
scopes; it refuses what does not fit.
"""

from __future__ import annotations

import json
import secrets
import time
from base64 import b64decode
from functools import cache
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from mcp_runtime.framework.auth.server import challenge_of

CLIENT_ID = "the-registered-application"
CLIENT_SECRET = "the secret: of+the application"
CALLBACK = "https://mcp.example.com/auth/callback"


@cache
def rsa_key() -> RSAKey:
    return RSAKey.generate_key(2048)


@cache
def ec_key() -> ECKey:
    return ECKey.generate_key("P-256")


class IdentityProvider:
    """OAuth 2.0 with PKCE as RFC 6749 has it; subclasses say what their provider does differently."""

    authorize_url: ClassVar[str]
    token_url: ClassVar[str]
    auth_methods: ClassVar[tuple[str, ...]] = ("client_secret_basic", "client_secret_post")
    gives_refresh_tokens: ClassVar[bool] = True
    rotates: ClassVar[bool] = True
    seconds: ClassVar[int | None] = 3600

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, list[str]] = {}
        self.refresh_tokens: dict[str, list[str]] = {}
        self.revoked: list[str] = []
        self.seen: list[httpx2.Request] = []
        self.down = False

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self.answer))

    # A person in a browser.

    def log_in(self, url: str) -> str:
        """Follow a link to the provider, log in, agree: where the browser is sent with the code."""
        assert url.startswith(self.authorize_url), url
        asked = {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["redirect_uri"] == CALLBACK
        self.check_request(asked)
        self.asked.append(asked)
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return CALLBACK + "?" + urlencode({"code": code, "state": asked["state"], **self.more_in_answer()})

    def check_request(self, asked: dict[str, str]) -> None:
        """What the provider insists on."""

    def more_in_answer(self) -> dict[str, str]:
        return {}

    # What a server asks.

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append(request)
        if self.down:
            return httpx2.Response(503)
        url = str(request.url.copy_with(query=None))
        if url == self.token_url and request.method == "POST":
            return self.serve_token(request)
        return self.serve(url, request)

    def serve(self, url: str, request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(404)

    def serve_token(self, request: httpx2.Request) -> httpx2.Response:
        form = form_of(request)
        if not self.knows(request, form):
            return self.refusal("invalid_client", 401)
        if form["grant_type"] == "refresh_token":
            scopes = self.refresh_tokens.get(form["refresh_token"])
            if scopes is None:
                return self.refusal("invalid_grant")
            if self.rotates:
                del self.refresh_tokens[form["refresh_token"]]
            return self.give(scopes)
        asked = self.codes.pop(form["code"], None)
        if asked is None or form["redirect_uri"] != asked["redirect_uri"]:
            return self.refusal("invalid_grant")
        if "code_challenge" in asked and challenge_of(form.get("code_verifier", "")) != asked["code_challenge"]:
            return self.refusal("invalid_grant")
        return self.give(asked.get("scope", "").split())

    def knows(self, request: httpx2.Request, form: dict[str, str]) -> bool:
        header = request.headers.get("authorization", "")
        if header.startswith("Basic "):
            user, _, password = b64decode(header[6:]).decode().partition(":")
            proof = (unquote_plus(user), unquote_plus(password))
            return "client_secret_basic" in self.auth_methods and proof == (CLIENT_ID, CLIENT_SECRET)
        proof = (form.get("client_id", ""), form.get("client_secret", ""))
        return "client_secret_post" in self.auth_methods and proof == (CLIENT_ID, CLIENT_SECRET)

    def give(self, scopes: list[str]) -> httpx2.Response:
        answer: dict[str, Any] = {
            "access_token": self.new_token(scopes),
            "token_type": "Bearer",
            "scope": " ".join(scopes),
        }
        if self.seconds is not None:
            answer["expires_in"] = self.seconds
        if self.gives_refresh_tokens:
            answer["refresh_token"] = f"upstream-refresh-{secrets.token_urlsafe(8)}"
            self.refresh_tokens[answer["refresh_token"]] = scopes
        return self.token_answer(answer)

    def token_answer(self, answer: dict[str, Any]) -> httpx2.Response:
        return httpx2.Response(200, json=answer)

    def refusal(self, error: str, status: int = 400) -> httpx2.Response:
        return httpx2.Response(status, json={"error": error})

    def new_token(self, scopes: list[str]) -> str:
        token = f"upstream-access-{secrets.token_urlsafe(8)}"
        self.tokens[token] = scopes
        return token

    def of_bearer(self, request: httpx2.Request) -> list[str] | None:
        return self.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))


class OpenIDProvider(IdentityProvider):
    """One that describes itself and signs its access tokens."""

    issuer: ClassVar[str]
    config_url: ClassVar[str]
    jwks_url: ClassVar[str]

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": self.authorize_url,
            "token_endpoint": self.token_url,
            "jwks_uri": self.jwks_url,
            "token_endpoint_auth_methods_supported": [*self.auth_methods],
        }

    def serve(self, url: str, request: httpx2.Request) -> httpx2.Response:
        if url == self.config_url:
            return httpx2.Response(200, json=self.document())
        if url == self.jwks_url:
            return httpx2.Response(
                200, json={"keys": [{**rsa_key().as_dict(private=False), "kid": "k1", "use": "sig"}]}
            )
        return super().serve(url, request)

    def claims(self, scopes: list[str]) -> dict[str, Any]:
        now = int(time.time())
        return {"iss": self.issuer, "sub": "user-1", "iat": now, "exp": now + 3600, "scope": " ".join(scopes)}

    def new_token(self, scopes: list[str]) -> str:
        return sign(self.claims(scopes))


class Google(IdentityProvider):
    """Refresh tokens only with access_type=offline and prompt=consent; they do not rotate."""

    authorize_url = "https://accounts.google.com/o/oauth2/v2/auth"
    token_url = "https://oauth2.googleapis.com/token"
    rotates = False
    seconds = 3599
    seen_in_urls: ClassVar[list[str]] = []

    def check_request(self, asked: dict[str, str]) -> None:
        assert (asked["access_type"], asked["prompt"]) == ("offline", "consent")

    def serve(self, url: str, request: httpx2.Request) -> httpx2.Response:
        match url:
            case "https://oauth2.googleapis.com/tokeninfo":
                scopes = self.tokens.get(form_of(request).get("access_token", ""))
                if scopes is None:
                    return httpx2.Response(400, json={"error": "invalid_token", "error_description": "Invalid Value"})
                said = {"azp": CLIENT_ID, "aud": self.audience(), "sub": "1089", "scope": " ".join(scopes)}
                return httpx2.Response(200, json={**said, "exp": str(int(time.time()) + 3000), "expires_in": "3000"})
            case "https://openidconnect.googleapis.com/v1/userinfo":
                if self.of_bearer(request) is None:
                    return httpx2.Response(401)
                return httpx2.Response(200, json={"sub": "1089", "name": "Ada", "email": "ada@example.com"})
            case "https://oauth2.googleapis.com/revoke":
                self.revoked.append(form_of(request)["token"])
                return httpx2.Response(200, json={})
        return httpx2.Response(404)

    def audience(self) -> str:
        return CLIENT_ID


class GitHub(IdentityProvider):
    """Refuses with 200; scopes with commas; tokens that neither expire nor renew; JSON only when asked for."""

    authorize_url = "https://github.com/login/oauth/authorize"
    token_url = "https://github.com/login/oauth/access_token"
    auth_methods = ("client_secret_post",)
    gives_refresh_tokens = False
    seconds: ClassVar[int | None] = None

    def token_answer(self, answer: dict[str, Any]) -> httpx2.Response:
        answer["scope"] = answer["scope"].replace(" ", ",")
        return httpx2.Response(200, json=answer)

    def serve_token(self, request: httpx2.Request) -> httpx2.Response:
        answer = super().serve_token(request)
        if request.headers.get("accept") == "application/json":
            return answer
        form = urlencode(json.loads(answer.content))
        return httpx2.Response(200, content=form, headers={"content-type": "application/x-www-form-urlencoded"})

    def refusal(self, error: str, status: int = 400) -> httpx2.Response:
        return httpx2.Response(
            200, json={"error": "bad_verification_code", "error_description": "incorrect or expired."}
        )

    def serve(self, url: str, request: httpx2.Request) -> httpx2.Response:
        if url != "https://api.github.com/user":
            return httpx2.Response(404)
        scopes = self.of_bearer(request)
        if scopes is None:
            return httpx2.Response(401, json={"message": "Bad credentials"})
        user = {"id": 583231, "login": "ada", "name": "Ada", "email": None}
        return httpx2.Response(200, json=user, headers={"x-oauth-scopes": ", ".join(scopes)})


class Azure(OpenIDProvider):
    """Scopes asked with the application's URI in front and given without; `resource` is refused: AADSTS9010010."""

    directory = "5f0c"
    issuer = f"https://login.microsoftonline.com/{directory}/v2.0"
    authorize_url = f"https://login.microsoftonline.com/{directory}/oauth2/v2.0/authorize"
    token_url = f"https://login.microsoftonline.com/{directory}/oauth2/v2.0/token"
    jwks_url = f"https://login.microsoftonline.com/{directory}/discovery/v2.0/keys"
    config_url = f"{issuer}/.well-known/openid-configuration"

    def check_request(self, asked: dict[str, str]) -> None:
        assert "resource" not in asked, "AADSTS9010010"
        assert f"api://{CLIENT_ID}/read" in asked["scope"].split()
        assert "offline_access" in asked["scope"].split()

    def claims(self, scopes: list[str]) -> dict[str, Any]:
        claims = super().claims([])
        del claims["scope"]
        short = [scope.rpartition("/")[2] for scope in scopes if scope.startswith("api://")]
        return {
            **claims,
            "aud": CLIENT_ID,
            "azp": CLIENT_ID,
            "tid": self.directory,
            "scp": " ".join(short),
            "ver": "2.0",
        }


class Auth0(OpenIDProvider):
    """The issuer ends with a slash; access tokens are signed only when an audience was asked for."""

    issuer = "https://acme.eu.auth0.com/"
    authorize_url = "https://acme.eu.auth0.com/authorize"
    token_url = "https://acme.eu.auth0.com/oauth/token"
    jwks_url = "https://acme.eu.auth0.com/.well-known/jwks.json"
    config_url = "https://acme.eu.auth0.com/.well-known/openid-configuration"
    auth_methods = ("client_secret_post",)

    def check_request(self, asked: dict[str, str]) -> None:
        assert asked["audience"] == "https://api.example.com"

    def claims(self, scopes: list[str]) -> dict[str, Any]:
        claims = super().claims(scopes)
        return {
            **claims,
            "sub": "auth0|1",
            "aud": ["https://api.example.com", f"{self.issuer}userinfo"],
            "azp": CLIENT_ID,
        }


class Cognito(OpenIDProvider):
    """Access tokens without an audience, with their application in client_id; `resource` of strangers is refused."""

    pool = "eu-central-1_Abc"
    issuer = f"https://cognito-idp.eu-central-1.amazonaws.com/{pool}"
    authorize_url = "https://acme.auth.eu-central-1.amazoncognito.com/oauth2/authorize"
    token_url = "https://acme.auth.eu-central-1.amazoncognito.com/oauth2/token"
    jwks_url = f"{issuer}/.well-known/jwks.json"
    config_url = f"{issuer}/.well-known/openid-configuration"
    rotates = False

    def check_request(self, asked: dict[str, str]) -> None:
        assert "resource" not in asked

    def claims(self, scopes: list[str]) -> dict[str, Any]:
        more = {"client_id": CLIENT_ID, "token_use": "access", "username": "ada", "cognito:groups": ["admins"]}
        return {**super().claims(scopes), **more, "origin_jti": "x", "auth_time": 1}


class WorkOS(IdentityProvider):
    authorize_url = "https://acme.authkit.app/oauth2/authorize"
    token_url = "https://acme.authkit.app/oauth2/token"

    def serve(self, url: str, request: httpx2.Request) -> httpx2.Response:
        if url != "https://acme.authkit.app/oauth2/userinfo" or self.of_bearer(request) is None:
            return httpx2.Response(401)
        return httpx2.Response(200, json={"sub": "user_01", "email": "ada@example.com", "name": "Ada"})


class Discord(IdentityProvider):
    """Says of a token which application it was given to, and when it expires as a date."""

    authorize_url = "https://discord.com/oauth2/authorize"
    token_url = "https://discord.com/api/oauth2/token"
    seconds = 604800

    def serve(self, url: str, request: httpx2.Request) -> httpx2.Response:
        scopes = self.of_bearer(request)
        if url != "https://discord.com/api/oauth2/@me" or scopes is None:
            return httpx2.Response(401, json={"message": "401: Unauthorized", "code": 0})
        said = {"application": {"id": CLIENT_ID}, "scopes": scopes, "expires": "2100-01-01T00:00:00.000000+00:00"}
        return httpx2.Response(200, json={**said, "user": {"id": "80", "username": "ada"}})


class Clerk(IdentityProvider):
    authorize_url = "https://acme.clerk.accounts.dev/oauth/authorize"
    token_url = "https://acme.clerk.accounts.dev/oauth/token"

    def serve(self, url: str, request: httpx2.Request) -> httpx2.Response:
        form = form_of(request)
        if url == "https://acme.clerk.accounts.dev/oauth/token/revoke":
            self.revoked.append(form["token"])
            return httpx2.Response(200)
        if url != "https://acme.clerk.accounts.dev/oauth/token_info" or not self.knows(request, form):
            return httpx2.Response(401)
        scopes = self.tokens.get(form["token"])
        if scopes is None:
            return httpx2.Response(200, json={"active": False})
        said = {"active": True, "client_id": CLIENT_ID, "sub": "user_2", "scope": " ".join(scopes)}
        return httpx2.Response(200, json={**said, "iat": int(time.time()), "exp": int(time.time()) + 600})


class HuggingFace(IdentityProvider):
    authorize_url = "https://huggingface.co/oauth/authorize"
    token_url = "https://huggingface.co/oauth/token"

    def serve(self, url: str, request: httpx2.Request) -> httpx2.Response:
        if url != "https://huggingface.co/oauth/userinfo" or self.of_bearer(request) is None:
            return httpx2.Response(401)
        return httpx2.Response(200, json={"sub": "62f2", "preferred_username": "ada", "name": "Ada"})


class OCI(OpenIDProvider):
    """Its document names an issuer that has no document."""

    issuer = "https://identity.oraclecloud.com/"
    authorize_url = "https://idcs-1.identity.oraclecloud.com/oauth2/v1/authorize"
    token_url = "https://idcs-1.identity.oraclecloud.com/oauth2/v1/token"
    jwks_url = "https://idcs-1.identity.oraclecloud.com/admin/v1/SigningCert/jwk"
    config_url = "https://idcs-1.identity.oraclecloud.com/.well-known/openid-configuration"


def sign(claims: dict[str, Any], *, algorithm: str = "RS256", kid: str = "k1") -> str:
    key = ec_key() if algorithm == "ES256" else rsa_key()
    return jwt.encode({"alg": algorithm, "kid": kid}, claims, key, algorithms=[algorithm])


def form_of(request: httpx2.Request) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(request.content.decode(), keep_blank_values=True).items()}
