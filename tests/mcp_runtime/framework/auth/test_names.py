"""The providers by FastMCP's and the SDK's names (FASTMCP 0.2, 1.8)."""

from __future__ import annotations

import subprocess
import sys

import pytest

NAMES = """
from mcp_runtime.framework import aliases
aliases.install()
from fastmcp.server.auth import AccessToken, AuthProvider, DebugTokenVerifier, JWTVerifier, MultiAuth, OAuthProvider
from fastmcp.server.auth import OAuthProxy, OIDCProxy, RemoteAuthProvider, StaticTokenVerifier, TokenVerifier
from fastmcp.server.auth.auth import AccessToken as Same, OAuthProvider, RemoteAuthProvider, TokenVerifier
from fastmcp.server.auth.oauth_proxy import OAuthProxy
from fastmcp.server.auth.oidc_proxy import OIDCProxy
from fastmcp.server.auth.providers.apikey import APIKeyProvider
from fastmcp.server.auth.providers.auth0 import Auth0Provider
from fastmcp.server.auth.providers.aws import AWSCognitoProvider
from fastmcp.server.auth.providers.azure import AzureProvider
from fastmcp.server.auth.providers.bearer import BearerAuthProvider
from fastmcp.server.auth.providers.clerk import ClerkProvider
from fastmcp.server.auth.providers.debug import DebugTokenVerifier
from fastmcp.server.auth.providers.descope import DescopeProvider
from fastmcp.server.auth.providers.discord import DiscordProvider
from fastmcp.server.auth.providers.github import GitHubProvider, GitHubTokenVerifier
from fastmcp.server.auth.providers.google import GoogleProvider, GoogleTokenVerifier
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from fastmcp.server.auth.providers.introspection import IntrospectionTokenVerifier
from fastmcp.server.auth.providers.jwt import JWTProvider, JWTVerifier, RSAKeyPair, StaticTokenVerifier
from fastmcp.server.auth.providers.keycloak import KeycloakAuthProvider
from fastmcp.server.auth.providers.oci import OCIProvider
from fastmcp.server.auth.providers.scalekit import ScalekitProvider
from fastmcp.server.auth.providers.supabase import SupabaseProvider
from fastmcp.server.auth.providers.workos import AuthKitProvider, WorkOSProvider
from fastmcp.server.dependencies import AccessToken as Third, get_access_token
from mcp.server.auth.provider import AccessToken as Fourth, AuthorizationCode, AuthorizationParams, RefreshToken
from mcp.server.auth.settings import ClientRegistrationOptions, RevocationOptions
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
assert AccessToken is Same is Third is Fourth
assert issubclass(GitHubProvider, OAuthProxy) and issubclass(Auth0Provider, OIDCProxy)
assert BearerAuthProvider is JWTVerifier
import sys
assert not {"fastmcp.server.auth.providers.jwt"} - sys.modules.keys()
assert JWTVerifier.__module__.startswith("mcp_runtime.")
"""


@pytest.mark.fastmcp("A-01", "A-02", "A-03", "A-04", "A-05", "A-06", "A-07", "A-08", "A-15")
def test_every_class_has_its_name() -> None:
    subprocess.run([sys.executable, "-c", NAMES], check=True, timeout=60)
