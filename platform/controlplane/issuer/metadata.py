"""The documents by which clients find an issuer: RFC 8414 metadata and RFC 9728 protected-resource metadata."""

from __future__ import annotations

from controlplane.issuer.addresses import issuer_url, oauth_url, resource_url
from controlplane.issuer.assertions import PROFILE
from controlplane.issuer.client_metadata import GRANT_TYPES
from controlplane.issuer.logins import SCOPES


def issuer_metadata(tenant: str) -> dict[str, object]:
    """RFC 8414 section 2, PROTOCOL D-13. The same at each of the places where clients look for it."""
    methods = ["none", "client_secret_basic", "client_secret_post"]
    return {
        "issuer": issuer_url(tenant),
        "authorization_endpoint": oauth_url(tenant, "authorize"),
        "token_endpoint": oauth_url(tenant, "token"),
        "registration_endpoint": oauth_url(tenant, "register"),
        "revocation_endpoint": oauth_url(tenant, "revoke"),
        "introspection_endpoint": oauth_url(tenant, "introspect"),
        "device_authorization_endpoint": oauth_url(tenant, "device"),
        "jwks_uri": oauth_url(tenant, "jwks"),
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [*GRANT_TYPES, "client_credentials"],
        "authorization_grant_profiles_supported": [PROFILE],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods[1:],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
    }


def resource_metadata(tenant: str, endpoint: str) -> dict[str, object]:
    """RFC 9728 section 2, PROTOCOL A-03. Whether the endpoint exists is not said here (A-11)."""
    return {
        "resource": resource_url(tenant, endpoint),
        "authorization_servers": [issuer_url(tenant)],
        "scopes_supported": list(SCOPES),
        "bearer_methods_supported": ["header"],
        "resource_name": f"{endpoint} of {tenant}",
    }
