"""FastMCP(auth=…), and the environment where it is not given (FASTMCP S-02)."""

from __future__ import annotations

import pytest

from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.auth.errors import WrongSetting
from mcp_runtime.framework.auth.providers.jwt import JWTProvider, JWTVerifier, StaticTokenVerifier

KEY = "a signing key of at least thirty-two bytes"


@pytest.mark.fastmcp("S-02")
def test_a_provider_is_kept() -> None:
    provider = StaticTokenVerifier(tokens={})

    assert FastMCP(auth=provider).auth is provider


@pytest.mark.fastmcp("S-02")
def test_without_auth_the_environment_names_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTMCP_SERVER_AUTH", "fastmcp.server.auth.providers.jwt.JWTVerifier")
    monkeypatch.setenv("FASTMCP_SERVER_AUTH_JWT_PUBLIC_KEY", KEY)
    monkeypatch.setenv("FASTMCP_SERVER_AUTH_JWT_ALGORITHM", "HS256")
    monkeypatch.setenv("FASTMCP_SERVER_AUTH_JWT_REQUIRED_SCOPES", "read,write")

    provider = FastMCP().auth

    assert isinstance(provider, JWTVerifier)
    assert provider.required_scopes == ["read", "write"]


@pytest.mark.fastmcp("S-02")
def test_none_means_nobody_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTMCP_SERVER_AUTH", "fastmcp.server.auth.providers.jwt.JWTVerifier")

    assert FastMCP(auth=None).auth is None


@pytest.mark.parametrize("named", ["fastmcp.server.auth.providers.nobody.Nobody", "GitHubProvider", "os.path.join"])
def test_an_environment_that_names_no_provider_is_refused(monkeypatch: pytest.MonkeyPatch, named: str) -> None:
    monkeypatch.setenv("FASTMCP_SERVER_AUTH", named)

    with pytest.raises(WrongSetting):
        FastMCP()


def test_a_missing_setting_is_named_with_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTMCP_SERVER_AUTH", "fastmcp.server.auth.providers.jwt.JWTVerifier")

    with pytest.raises(WrongSetting, match="FASTMCP_SERVER_AUTH_JWT_PUBLIC_KEY"):
        FastMCP()


@pytest.mark.fastmcp("A-09", status="document")
def test_the_documents_jwt_provider_names_its_key_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        WrongSetting, match="needs jwt_signing_key=, or the variable FASTMCP_SERVER_AUTH_JWT_SIGNING_KEY"
    ):
        JWTProvider()

    monkeypatch.setenv("FASTMCP_SERVER_AUTH_JWT_SIGNING_KEY", KEY)
    assert JWTProvider().algorithm == "HS256"


def test_a_secret_may_stand_in_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("secrets") / "key"
    file.write_text(KEY + "\n")
    monkeypatch.setenv("FASTMCP_SERVER_AUTH_JWT_PUBLIC_KEY_FILE", str(file))

    verifier = JWTVerifier(algorithm="HS256")

    assert verifier.algorithm == "HS256"
