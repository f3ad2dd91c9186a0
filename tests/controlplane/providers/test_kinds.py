"""Each kind of provider, against a stand-in that behaves as its documentation says."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controlplane import outbound
from controlplane.accounts.models import Identity
from controlplane.providers.kinds import KINDS, fits
from tenants.context import acting_for
from tenants.models import Membership
from tests.controlplane.providers.conftest import ADA, Door, add, last_attempt
from tests.controlplane.providers.standins.base import Reply, Standin, running
from tests.controlplane.providers.standins.openid import (
    DIRECTORY,
    Auth0,
    AuthKit,
    Cognito,
    Descope,
    Entra,
    Google,
    Scalekit,
)
from tests.controlplane.providers.standins.plain import GitHub, WorkOS
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

Opened = Callable[..., Door]
OCTOCAT: dict[str, Any] = {"id": 583231, "login": "ada", "name": "Ada"}


@pytest.fixture
def opened(cast: Cast, tmp_path: Path, trusted: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """Serve a stand-in, and let acme's people in by it. The kind's issuer is pointed at the stand-in."""
    with pytest.MonkeyPatch.context() as patch:
        serving: list[Any] = []

        def open_(kind: str, standin: Standin, issuer: str = "", **changes: Any) -> Door:
            block = running(standin, tmp_path)
            block.__enter__()
            serving.append(block)
            patch.setenv("SSL_CERT_FILE", str(standin.certificate))
            outbound._tls.cache_clear()
            if issuer:
                patch.setitem(KINDS, kind, dataclasses.replace(KINDS[kind], issuer=issuer.format(url=standin.url)))
            settings = {
                name: value.format(host=standin.url.removeprefix("https://"), issuer=standin.issuer)
                for name, value in changes.pop("settings", {}).items()
            }
            add(cast, standin, kind=kind, settings=settings, **changes)
            return Door(standin)

        yield open_
        for block in serving:
            block.__exit__(None, None, None)


def place(cast: Cast) -> Membership | None:
    with acting_for(cast.acme.id):
        return Membership.objects.filter(user__in=Identity.objects.values("user")).select_related("user").first()


def ada(**changes: Any) -> dict[str, dict[str, Any]]:
    return {"ada": {**ADA, **changes}}


def test_google_lets_the_people_of_the_workspace_in(opened: Opened, cast: Cast) -> None:
    door = opened("google", Google(people=ada(hd="acme.example")), "{url}", settings={"hosted_domain": "acme.example"})

    assert "hd=acme.example" in door.begin()["Location"]
    assert door.sign_in().status_code == 302


@pytest.mark.parametrize("hd", [None, "globex.example"])
def test_google_says_whose_workspace_it_is_in_the_token_not_in_the_request(
    opened: Opened, cast: Cast, hd: str | None
) -> None:
    door = opened("google", Google(people=ada(hd=hd)), "{url}", settings={"hosted_domain": "acme.example"})

    assert door.sign_in().status_code == 403
    assert "'hd'" in last_attempt(cast).steps[-1]["detail"]


def test_githubs_people_are_known_by_number_and_verified_address(opened: Opened, cast: Cast) -> None:
    door = opened("github", GitHub(people={"ada": dict(OCTOCAT)}), settings={"host": "{host}"})

    assert door.sign_in().status_code == 302
    member = place(cast)
    assert member is not None
    assert member.user.email == "ada@acme.example"
    with acting_for(cast.acme.id):
        assert Identity.objects.get().subject == "583231"


def test_githubs_login_may_become_somebody_elses(opened: Opened, cast: Cast) -> None:
    door = opened("github", GitHub(people={"ada": dict(OCTOCAT)}), settings={"host": "{host}"})
    door.sign_in()
    door.standin.people["ada"] = {"id": 999, "login": "ada", "name": "Somebody"}
    door.sign_in()

    with acting_for(cast.acme.id):
        assert Identity.objects.values("user").distinct().count() == 2


def test_githubs_unverified_address_is_none(opened: Opened, cast: Cast) -> None:
    github = GitHub(people={"ada": dict(OCTOCAT)})
    github.emails = [{"email": "ada@acme.example", "verified": False, "primary": True}]
    door = opened("github", github, settings={"host": "{host}"})

    assert door.sign_in().status_code == 403
    assert place(cast) is None


def test_githubs_teams_are_groups(opened: Opened, cast: Cast) -> None:
    rules = [{"match": "group", "value": "acme/engineers", "role": "operator"}]
    door = opened("github", GitHub(people={"ada": dict(OCTOCAT)}), settings={"host": "{host}"}, rules=rules)

    door.sign_in()

    member = place(cast)
    assert member is not None
    assert member.role == "operator"


def test_githubs_error_with_status_200_is_an_error(opened: Opened, cast: Cast) -> None:
    door = opened("github", GitHub(people={"ada": dict(OCTOCAT)}), settings={"host": "{host}"}, client_secret="wrong")

    assert door.sign_in().status_code == 403
    assert "incorrect_client_credentials" in last_attempt(cast).steps[-1]["detail"]


def test_entras_address_counts_when_the_domain_is_the_directorys(opened: Opened, cast: Cast) -> None:
    door = opened("entra", Entra(people=ada()), settings={"directory": DIRECTORY, "cloud": "{host}"})

    assert door.sign_in().status_code == 403  # whoever runs a directory can write any address into it
    door.standin.people["ada"]["xms_edov"] = 1
    assert door.sign_in().status_code == 302


def test_entras_people_of_any_directory_have_its_issuer(opened: Opened, cast: Cast) -> None:
    rules = [{"match": "group", "value": "engineers", "role": "viewer"}]
    settings = {"directory": "organizations", "cloud": "{host}"}
    door = opened("entra", Entra(people=ada(), address="organizations"), settings=settings, rules=rules)

    assert door.sign_in().status_code == 302
    with acting_for(cast.acme.id):
        assert Identity.objects.get().issuer == f"{door.standin.url}/{DIRECTORY}/v2.0"


def test_entras_token_of_another_directory_is_refused(opened: Opened, cast: Cast) -> None:
    rules = [{"match": "anyone", "role": "viewer"}]
    settings = {"directory": DIRECTORY, "cloud": "{host}"}
    other = "00000000-0000-0000-0000-000000000000"
    door = opened("entra", Entra(people=ada(tid=other)), settings=settings, rules=rules)

    assert door.sign_in().status_code == 403
    assert "issuer" in last_attempt(cast).steps[-1]["detail"]


def test_entras_groups_that_did_not_fit_decide_nothing(opened: Opened, cast: Cast) -> None:
    """And the address that the token names instead is not asked."""
    rules = [{"match": "group", "value": "engineers", "role": "viewer"}]
    settings = {"directory": DIRECTORY, "cloud": "{host}"}
    door = opened("entra", Entra(people=ada()), settings=settings, rules=rules)
    door.sign_in()
    door.standin.groups_fit = False  # type: ignore[attr-defined]

    answer = door.sign_in()

    assert b"more groups than your provider lists" in answer.content
    assert place(cast) is not None
    assert not [one for one in door.standin.asked if one.path.startswith("/users/")]


def test_auth0s_issuer_ends_in_a_slash_and_groups_have_an_address(opened: Opened, cast: Cast) -> None:
    claim = "https://acme.example/groups"
    settings = {"domain": "{host}", "groups_claim": claim}
    rules = [{"match": "group", "value": "engineers", "role": "developer"}]
    people = ada(**{claim: ["engineers"], "groups": None})
    door = opened("auth0", Auth0(people=people), settings=settings, rules=rules)

    assert door.sign_in().status_code == 302


def test_workos_gives_a_profile_of_the_organization(opened: Opened, cast: Cast) -> None:
    settings = {"organization": "org_01ACME"}
    door = opened("workos", WorkOS(people=ada()), "{url}", settings=settings, trusts_email=True)

    assert "organization=org_01ACME" in door.begin()["Location"]
    assert door.sign_in().status_code == 302
    with acting_for(cast.acme.id):
        assert Identity.objects.get().subject == f"prof_{ADA['sub']}"


def test_workos_profile_of_another_organization_is_refused(opened: Opened, cast: Cast) -> None:
    settings = {"organization": "org_01ACME"}
    workos = WorkOS(people=ada(), organization="org_01GLOBEX")
    door = opened("workos", workos, "{url}", settings=settings, trusts_email=True)

    assert door.sign_in().status_code == 403
    assert "organization_id" in last_attempt(cast).steps[-1]["detail"]


def test_authkit_names_the_organization(opened: Opened, cast: Cast) -> None:
    settings = {"domain": "{host}", "organization": "org_01ACME"}
    door = opened("authkit", AuthKit(people=ada(org_id="org_01ACME")), settings=settings)

    assert door.sign_in().status_code == 302
    door.standin.people["ada"]["org_id"] = "org_01GLOBEX"
    assert door.sign_in().status_code == 403


def test_descopes_roles_are_groups(opened: Opened, cast: Cast) -> None:
    rules = [{"match": "group", "value": "Tenant Admin", "role": "admin"}]
    door = opened("descope", Descope(people=ada(roles=["Tenant Admin"])), settings={"issuer": "{issuer}"}, rules=rules)

    assert door.sign_in().status_code == 302


def test_scalekit_names_the_organization(opened: Opened, cast: Cast) -> None:
    settings = {"domain": "{host}", "organization": "org_70000"}
    door = opened("scalekit", Scalekit(people=ada(oid="org_70000")), settings=settings)

    assert "organization_id=org_70000" in door.begin()["Location"]
    assert door.sign_in().status_code == 302


COGNITO = {"region": "eu-central-1", "user_pool": "eu-central-1_AbCd"}


def test_cognitos_groups_and_verified_addresses_count(opened: Opened, cast: Cast) -> None:
    rules = [{"match": "domain", "value": "acme.example", "role": "operator"}]
    door = opened("cognito", Cognito(people=ada()), "{url}/{{user_pool}}", settings=COGNITO, rules=rules)

    assert door.sign_in().status_code == 302
    door.standin.people["ada"]["email_verified"] = False
    assert door.sign_in().status_code == 403


def test_cognitos_access_token_is_no_id_token(opened: Opened, cast: Cast) -> None:
    door = opened("cognito", Cognito(people=ada(), gives="access"), "{url}/{{user_pool}}", settings=COGNITO)

    assert door.sign_in().status_code == 403
    assert "token_use" in last_attempt(cast).steps[-1]["detail"]


@pytest.mark.parametrize("path", ["/api/v3/user", "/api/v3/user/emails", "/api/v3/user/orgs"])
@pytest.mark.parametrize("reply", [Reply(500), Reply(body="7"), Reply(302), Reply(body=b"\xff")])
def test_githubs_broken_answers_end_the_sign_in(opened: Opened, cast: Cast, path: str, reply: Reply) -> None:
    door = opened("github", GitHub(people={"ada": dict(OCTOCAT)}), settings={"host": "{host}"})
    door.standin.replies[path] = reply

    assert door.sign_in().status_code == 403
    assert place(cast) is None


def test_every_setting_fits_its_own_example() -> None:
    for kind in KINDS.values():
        for setting in kind.settings:
            assert fits(setting, setting.example), (kind.name, setting.name)
