"""How each protocol goes, from a provider's row to a person: where it lives, and what is asked with a code.

OpenID Connect rests on the signed ID token alone; GitHub has none and is asked at its API; WorkOS' SSO hands a profile
over with the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.outbound import FetchError
from controlplane.providers import metadata, oauth, tokens
from controlplane.providers.errors import SignInRefused
from controlplane.providers.kinds import KINDS
from controlplane.providers.metadata import Metadata
from controlplane.providers.models import Provider
from controlplane.providers.people import Person, person_in
from controlplane.providers.tokens import BadToken
from controlplane.providers.tracing import Trace
from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import ParseError

_MANY = ("organizations", "common")
"""Entra ID's addresses for the people of any directory: there the issuer of a token names the person's own."""


def locate(provider: Provider, *, afresh: bool = False) -> Metadata:
    """Where the provider's endpoints are. Raises SignInRefused, FetchError."""
    match KINDS[provider.kind].protocol:
        case "github":
            return _github(provider)
        case "workos":
            host = provider.issuer
            return Metadata(host, f"{host}/sso/authorize", f"{host}/sso/token", "", False, ("client_secret_post",))
        case "openid":
            return metadata.discover(provider.issuer, expected=_expected_issuer(provider), afresh=afresh)
        case "jwt":
            raise SignInRefused("People do not sign in by this provider: it only vouches for tokens at endpoints.")


def identify(provider: Provider, found: Metadata, answer: Mapping[str, Any], *, nonce: str, trace: Trace) -> Person:
    """The person whom a token response speaks of. Raises SignInRefused, FetchError."""
    match KINDS[provider.kind].protocol:
        case "github":
            claims = _github_claims(provider, answer, trace)
        case "workos":
            claims = _workos_claims(provider, answer, trace)
        case _:
            claims = _openid_claims(provider, found, answer, nonce, trace)
    trace.show(claims)
    with trace.step("Read the claims") as step:
        person = person_in(claims, provider)
        verified = "verified" if person.email_verified else "not verified"
        step.detail = f"Subject {person.subject}, {person.email or 'no address'} ({verified}), " + (
            f"{len(person.groups)} groups" if person.groups_known else "too many groups to list"
        )
    return person


def check_issuer(found: Metadata, said: str | None, provider: Provider) -> None:
    """RFC 9207: whose answer this is. A provider that says `iss` must say its own. Raises SignInRefused."""
    if said is None:
        if found.says_issuer:
            raise SignInRefused("The answer names no issuer, though the provider promises to name itself.")
        return
    if said != found.issuer and not (provider.kind == "entra" and said in _entra_issuers(provider)):
        raise SignInRefused("The answer comes from another issuer than the one that was asked.")


def _openid_claims(
    provider: Provider, found: Metadata, answer: Mapping[str, Any], nonce: str, trace: Trace
) -> dict[str, Any]:
    with trace.step("Verify the ID token") as step:
        claims = tokens.verified(answer.get("id_token"), lambda afresh: metadata.keys(found.jwks_uri, afresh=afresh))
        trace.show(claims)
        _check_token_issuer(claims, found, provider)
        tokens.check_audience(claims, provider.client_id)
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and claims.get("azp") != provider.client_id:
            raise BadToken("The token is for several parties and was given to another one (azp).")
        tokens.check_times(claims, max_age=tokens.MAX_AGE_SECONDS)
        if claims.get("nonce") != nonce:
            raise BadToken("The token's nonce is not the one of this sign-in: it was made for another.")
        if provider.kind == "cognito" and claims.get("token_use") != "id":
            raise BadToken("The token is not an ID token (token_use).")
        step.detail = "Signature, issuer, audience, times and nonce are right."
    return claims


def _check_token_issuer(claims: Mapping[str, Any], found: Metadata, provider: Provider) -> None:
    issuer = claims.get("iss")
    if provider.kind == "entra" and provider.settings["directory"] in _MANY:
        directory = claims.get("tid")
        expected = found.issuer.replace("{tenantid}", directory) if isinstance(directory, str) else ""
    else:
        expected = found.issuer
    if not expected or issuer != expected:
        raise BadToken("The token's issuer is not the provider's.")


def _expected_issuer(provider: Provider) -> str | None:
    """What a discovery document calls itself, where that is not where it is found."""
    if provider.kind == "entra" and provider.settings["directory"] in _MANY:
        return provider.issuer.replace(f"/{provider.settings['directory']}/", "/{tenantid}/")
    return None


def _entra_issuers(provider: Provider) -> tuple[str, ...]:
    return (provider.issuer, _expected_issuer(provider) or provider.issuer)


def _github(provider: Provider) -> Metadata:
    host = provider.issuer
    return Metadata(
        host, f"{host}/login/oauth/authorize", f"{host}/login/oauth/access_token", "", False, ("client_secret_post",)
    )


def _github_claims(provider: Provider, answer: Mapping[str, Any], trace: Trace) -> dict[str, Any]:
    """The numeric id is the subject: a login can be renamed, and then be someone else's. Addresses count when GitHub
    verified them."""
    token = _access_token(answer)
    api = "https://api.github.com" if provider.issuer == "https://github.com" else f"{provider.issuer}/api/v3"
    with trace.step("Ask GitHub who it is") as step:
        user = metadata.read_object(_ask_github(f"{api}/user", token), "GitHub's answer about the user")
        number = user.get("id")
        if not isinstance(number, int) or isinstance(number, bool):
            raise SignInRefused("GitHub's answer names no user.")
        step.detail = f"User {number}."
    with trace.step("Ask GitHub for the addresses") as step:
        addresses = _list(_ask_github(f"{api}/user/emails", token), "addresses")
        verified = [one for one in addresses if one.get("verified") is True and isinstance(one.get("email"), str)]
        primary = next((one for one in verified if one.get("primary") is True), next(iter(verified), None))
        step.detail = f"{len(verified)} of {len(addresses)} are verified."
    with trace.step("Ask GitHub for organizations and teams") as step:
        organizations = _list(_ask_github(f"{api}/user/orgs?per_page=100", token), "organizations")
        teams = _list(_ask_github(f"{api}/user/teams?per_page=100", token), "teams")
        groups = [str(one["login"]) for one in organizations if "login" in one]
        groups += [f"{team['organization']['login']}/{team['slug']}" for team in teams if _is_team(team)]
        step.detail = f"{len(groups)} in all."
    return {
        "iss": provider.issuer,
        "sub": str(number),
        "email": primary["email"] if primary else None,
        "email_verified": primary is not None,
        "name": user.get("name") or user.get("login"),
        "login": user.get("login"),
        "groups": groups,
    }


def _is_team(team: Mapping[str, Any]) -> bool:
    return isinstance(team.get("organization"), dict) and "login" in team["organization"] and "slug" in team


def _ask_github(url: str, token: str) -> bytes:
    return oauth.get(url, token, accept="application/vnd.github+json").body


def _workos_claims(provider: Provider, answer: Mapping[str, Any], trace: Trace) -> dict[str, Any]:
    """The token endpoint hands over a profile: it came over TLS from WorkOS itself, in answer to our secret."""
    with trace.step("Read the profile") as step:
        profile = answer.get("profile")
        if not isinstance(profile, dict) or not isinstance(profile.get("id"), str):
            raise SignInRefused("WorkOS' answer has no profile.")
        step.detail = f"Connection {str(profile.get('connection_id'))[:60]}."
    names = [profile.get(name) for name in ("first_name", "last_name")]
    return {
        "iss": provider.issuer,
        "sub": profile["id"],
        "email": profile.get("email"),
        "name": " ".join(name for name in names if isinstance(name, str) and name),
        "organization_id": profile.get("organization_id"),
        "connection_id": profile.get("connection_id"),
        "groups": profile.get("groups") or [],
    }


def _access_token(answer: Mapping[str, Any]) -> str:
    token = answer.get("access_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise SignInRefused("The provider's answer has no access token.")
    return token


def _list(body: bytes, what: str) -> list[dict[str, Any]]:
    try:
        found = codec.read(body, max_bytes=metadata.MAX_BYTES)
    except ParseError as error:
        raise FetchError(f"The provider's list of {what} is no proper JSON.") from error
    if not isinstance(found, list):
        raise FetchError(f"The provider's list of {what} is no list.")
    return [item for item in found if isinstance(item, dict)]
