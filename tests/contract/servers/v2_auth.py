"""FastMCP 2.x: every auth provider's class. On a platform that authenticates callers itself none of them is asked."""

from fastmcp import FastMCP
from fastmcp.server.auth.providers.apikey import APIKeyProvider
from fastmcp.server.auth.providers.auth0 import Auth0Provider
from fastmcp.server.auth.providers.aws import AWSCognitoProvider
from fastmcp.server.auth.providers.azure import AzureProvider
from fastmcp.server.auth.providers.descope import DescopeProvider
from fastmcp.server.auth.providers.github import GitHubProvider
from fastmcp.server.auth.providers.google import GoogleProvider
from fastmcp.server.auth.providers.jwt import JWTProvider, JWTVerifier, StaticTokenVerifier
from fastmcp.server.auth.providers.scalekit import ScalekitProvider
from fastmcp.server.auth.providers.workos import AuthKitProvider, WorkOSProvider
from fastmcp.server.dependencies import get_access_token

BASE = "https://server.example.com"
APP = {"client_id": "an-id", "client_secret": "a-secret-of-no-use-at-all", "base_url": BASE}

providers = [
    GoogleProvider(**APP),
    GitHubProvider(**APP),
    AzureProvider(**APP, tenant_id="a-tenant", required_scopes=["read"]),
    Auth0Provider(**APP, config_url="https://x.auth0.com/.well-known/openid-configuration", audience="https://api"),
    WorkOSProvider(**APP, authkit_domain="https://x.authkit.app"),
    AuthKitProvider(authkit_domain="https://x.authkit.app", base_url=BASE),
    DescopeProvider(project_id="P2abc", descope_base_url="https://api.descope.com", base_url=BASE),
    ScalekitProvider(environment_url="https://x.scalekit.com", resource_id="res_1", base_url=BASE),
    AWSCognitoProvider(**APP, user_pool_id="eu-west-1_abc", aws_region="eu-west-1"),
    JWTProvider(jwt_signing_key="a-key-of-at-least-thirty-two-bytes!"),
    JWTVerifier(jwks_uri=f"{BASE}/jwks.json", issuer=BASE, audience="me"),
    APIKeyProvider(api_keys={"key1": {"user": "admin", "scopes": ["read"]}}),
    StaticTokenVerifier(tokens={"a-token": {"client_id": "desk", "scopes": ["read"]}}),
]

mcp = FastMCP("Guarded", auth=providers[0])


@mcp.tool
def known() -> list[str]:
    """The classes that were made."""
    return [type(provider).__name__ for provider in providers]


@mcp.tool
def whoami() -> dict:
    token = get_access_token()
    return {"somebody": token is not None, "scopes": [] if token is None else token.scopes}
