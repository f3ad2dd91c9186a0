"""Every page of the dashboard: who may see it, and what it tells others. A route without a row here fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import URLPattern, URLResolver
from pytest_django import Settings

from controlplane.accounts import by_mail, first_owner
from controlplane.accounts.models import User
from controlplane.accounts.services import create_user_in
from controlplane.accounts.throttling import RECOVERY
from controlplane.dashboard.urls import urlpatterns
from tenants.context import acting_for
from tenants.models import Membership, Tenant
from tenants.roles import PERMISSIONS_OF, ROLES, Role
from tests.support.cast import PASSWORD, Cast

T = "tenants/<name:tenant>/"
PAGES: dict[str, str] = {
    T: "servers:read",
    f"{T}overview/": "calls:read",
    f"{T}calls/": "calls:read",
    f"{T}palette/": "members:read",
    f"{T}connections/": "mcp:call",
    f"{T}keys/": "keys:read",
    f"{T}your-keys/": "mcp:call",
    f"{T}programs/": "keys:read",
    f"{T}tasks/": "calls:read",
    f"{T}tasks/<name:name>/": "calls:read",
    f"{T}logins/": "mcp:call",
    f"{T}audit/": "audit:read",
    f"{T}audit/audit.<name:form>": "audit:read",
    f"{T}servers/+/": "servers:write",
    f"{T}servers/+/<name:kind>/": "servers:write",
    f"{T}servers/<name:name>/refresh/": "servers:write",
    f"{T}servers/<name:name>/": "servers:read",
    f"{T}revisions/<name:revision>/": "servers:read",
    f"{T}endpoints/": "endpoints:read",
    f"{T}endpoints/<name:name>/": "endpoints:read",
    f"{T}endpoints/<name:name>/versions/<int:number>/": "endpoints:read",
    f"{T}endpoints/<name:name>/connect/": "endpoints:read",
    f"{T}endpoints/<name:name>/try/": "mcp:call",
    f"{T}endpoints/<name:name>/try/token/": "mcp:call",
    f"{T}identity-providers/": "tenant:write",
    f"{T}identity-providers/+/<name:kind>/": "tenant:write",
    f"{T}identity-providers/<name:name>/": "tenant:write",
    f"{T}identity-providers/<name:name>/check/": "tenant:write",
    f"{T}identity-providers/<name:name>/test/": "tenant:write",
    f"{T}members/": "members:read",
    f"{T}leave/": "members:read",
    f"{T}settings/": "members:read",
    f"{T}settings/security/": "tenant:write",
    f"{T}delete/": "tenant:delete",
}
"""Pages of a tenant, and what a role needs to see them."""

POSTED = {f"{T}endpoints/<name:name>/try/token/"}
"""Those that are not looked at, only sent to."""

OWN = {
    "", "logout/", "account/", "account/password/", "account/sessions/", "account/second-factor/",
    "account/second-factor/app/", "account/second-factor/codes/", "account/second-factor/passkey/",
    "account/verify/<str:token>/", "confirm/", "confirm/passkey/",
}  # fmt: skip
"""Pages of whoever is signed in."""
ADMINISTRATORS = {"installation/", "installation/<name:slug>/"}
OPEN = {
    "login/", "login/second-factor/", "login/passkey/", "recover/", "password/<uidb64>/<token>/", "welcome/",
    "welcome/<str:token>/", "sign-up/", "sign-up/<str:token>/", "join/<name:slug>/<str:secret>/",
    "assets/<str:digest>/<str:name>",
}  # fmt: skip
"""Pages before anybody is known; each has tests of its own."""


def routes(patterns: list[Any] = urlpatterns) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from (f"{pattern.pattern}{route}" for route in routes(pattern.url_patterns))
        elif isinstance(pattern, URLPattern):
            yield str(pattern.pattern)


def address(route: str, tenant: str) -> str:
    names = {"tenant": tenant, "slug": tenant, "number": "1"}
    return "/" + re.sub(r"<\w+:(\w+)>", lambda match: names.get(match[1], "absent"), route)


@pytest.mark.django_db
def test_every_page_of_people_and_tenants_stands_in_a_table_here() -> None:
    known = {*PAGES, *OWN, *ADMINISTRATORS, *OPEN}

    assert set(routes()) - known == set(), "say above who may see the page"
    assert known - set(routes()) == set()


@pytest.fixture
def people(cast: Cast) -> dict[Role, Client]:
    """One member of acme for each role, signed in."""
    members: dict[Role, User] = {role: create_user_in(cast.acme.id, f"{role}@acme.example", role) for role in ROLES}
    clients = {role: Client() for role in ROLES}
    for role, client in clients.items():
        client.force_login(members[role])
    return clients


@pytest.mark.parametrize("route", PAGES)
def test_a_page_is_for_roles_that_permit_it_and_for_no_other_tenant(people: dict[Role, Client], route: str) -> None:
    for role, client in people.items():
        ask = client.post if route in POSTED else client.get
        own = ask(address(route, "acme"))
        there = ask(address(route, "globex"))
        nowhere = ask(address(route, "nowhere"))

        allowed = {200, 302, 404} if PERMISSIONS_OF[role] & {PAGES[route]} else {403, 404}
        assert own.status_code in allowed, role
        assert (there.status_code, there.content) == (nowhere.status_code, nowhere.content) == (404, there.content)


@pytest.mark.parametrize("route", sorted({*PAGES, *OWN, *ADMINISTRATORS} - {"logout/", "account/second-factor/codes/"}))
def test_a_stranger_is_asked_to_sign_in(client: Client, cast: Cast, route: str) -> None:
    answer = client.post(address(route, "acme")) if route in POSTED else client.get(address(route, "acme"))

    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/login/?next=")


@pytest.mark.parametrize("route", sorted(ADMINISTRATORS))
def test_the_installation_is_nowhere_but_for_its_administrators(client: Client, cast: Cast, route: str) -> None:
    client.force_login(cast.ada)
    refused = client.get(address(route, "acme"))
    User.objects.filter(pk=cast.ada.pk).update(is_platform_admin=True)
    admitted = client.get(address(route, "acme"))

    assert (refused.status_code, admitted.status_code) == (404, 200)


def test_the_first_person_makes_their_account_by_the_link(client: Client, db: None) -> None:
    waiting = client.get("/welcome/")
    link = first_owner.link().removeprefix(settings.STOA_PUBLIC_URL)
    weak = client.post(link, {"email": "dee@x.example", "password": "short", "slug": "house"})

    made = client.post(link, {"email": "dee@x.example", "password": PASSWORD, "slug": "house", "name": "Dee"})

    assert waiting.status_code == 200
    assert b"too short" in weak.content
    assert made.status_code == 302
    assert client.get("/installation/").status_code == 200
    assert client.get("/tenants/house/settings/").status_code == 200
    assert Client().get(link).status_code == 404
    assert Client().get("/welcome/").status_code == 404


def test_a_made_up_link_welcomes_nobody(client: Client, db: None) -> None:
    assert client.get("/welcome/eyJ0IjoxfQ:1u:abc/").status_code == 404


@pytest.fixture
def mails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """An installation that sends mails, at once."""
    from controlplane.accounts import tasks

    settings.STOA_MAIL = True
    for task in (tasks.send_recovery, tasks.send_sign_up, tasks.send_verification):
        monkeypatch.setattr(task, "delay", task.__call__)
    return mail.outbox


def link_in(message: Any) -> str:
    found = re.search(r"https?://[^/]+(/\S+)", message.body)
    assert found
    return found[1]


def test_a_forgotten_password_is_set_by_mail_and_signs_out_everybody(
    client: Client, cast: Cast, mails: list[Any]
) -> None:
    old = Client()
    old.force_login(cast.ben)
    asked = client.post("/recover/", {"email": "BEN@acme.example"}, follow=True)

    form = client.get(link_in(mails[0]), follow=True)
    new = "a new long password 9"
    client.post(form.redirect_chain[-1][0], {"new_password1": new, "new_password2": new})

    assert b"has an account" in asked.content
    assert mails[0].to == ["ben@acme.example"]
    assert old.get("/account/").status_code == 302
    assert client.login(username=cast.ben.email, password=new)
    assert b"was used already" in Client().get(link_in(mails[0]), follow=True).content


def test_asking_for_a_mail_does_not_say_who_has_an_account(client: Client, cast: Cast, mails: list[Any]) -> None:
    known = client.post("/recover/", {"email": cast.ben.email}, follow=True)
    unknown = client.post("/recover/", {"email": "ben@nowhere.example"}, follow=True)

    assert len(mails) == 1
    assert _plain(known).replace(cast.ben.email, "") == _plain(unknown).replace("ben@nowhere.example", "")


def test_mails_cannot_be_asked_for_at_will(client: Client, cast: Cast, mails: list[Any]) -> None:
    for _ in range(RECOVERY.account_from_place.attempts + 1):
        answer = client.post("/recover/", {"email": cast.ben.email})

    assert answer.status_code == 429
    assert len(mails) == RECOVERY.account_from_place.attempts


def test_signing_up_is_closed_unless_the_installation_opens_it(client: Client, db: None) -> None:
    assert client.get("/sign-up/").status_code == 404
    assert b"Sign up" not in client.get("/login/").content


def test_signing_up_takes_a_mailbox_and_tells_who_has_an_account_only_there(
    client: Client, cast: Cast, mails: list[Any], settings: Settings
) -> None:
    settings.STOA_SIGN_UP = "open"
    for email in ("dee@x.example", cast.ben.email):
        client.post("/sign-up/", {"email": email})
    to_dee, to_ben = mails

    made = client.post(link_in(to_dee), {"name": "Dee", "password": PASSWORD})

    assert "has an account already" in to_ben.body
    assert made.status_code == 302
    assert User.objects.get(email="dee@x.example").email_verified_at is not None
    assert Client().get(link_in(to_dee)).status_code == 404


def test_an_address_is_confirmed_by_its_own_account(client: Client, cast: Cast, mails: list[Any]) -> None:
    client.force_login(cast.ben)
    client.post("/account/", {"verify": "1"})
    link = link_in(mails[0])
    other = Client()
    other.force_login(cast.cem)

    assert other.post(link).status_code == 404
    assert client.get(link).status_code == 200
    assert User.objects.get(pk=cast.ben.pk).email_verified_at is None
    client.post(link)
    assert User.objects.get(pk=cast.ben.pk).email_verified_at is not None


def test_members_are_invited_changed_and_removed(client: Client, cast: Cast) -> None:
    client.force_login(cast.ada)
    with acting_for(cast.acme.id):
        ben = Membership.objects.get(user=cast.ben)

    invited = client.post("/tenants/acme/members/", {"invite": "1", "role": "viewer", "email": "dee@acme.example"})
    client.post("/tenants/acme/members/", {"member": ben.pk, "role": "viewer"})
    with acting_for(cast.acme.id):
        changed = Membership.objects.get(pk=ben.pk).role
    client.post("/tenants/acme/members/", {"remove": ben.pk})

    assert b"/join/acme/" in invited.content
    assert changed == "viewer"
    with acting_for(cast.acme.id):
        assert not Membership.objects.filter(pk=ben.pk).exists()


def test_the_last_owner_is_told_why_they_stay(client: Client, cast: Cast) -> None:
    client.force_login(cast.ada)

    answer = client.post("/tenants/acme/leave/", follow=True)

    assert b"keeps at least one owner" in answer.content


def test_an_owner_deletes_the_tenant_by_typing_its_name(client: Client, cast: Cast) -> None:
    client.force_login(cast.ada)

    wrong = client.post("/tenants/acme/delete/", {"confirmation": "acmee"}, follow=True)
    client.post("/tenants/acme/delete/", {"confirmation": "acme"})

    assert b"repeat its short name" in wrong.content
    with acting_for(cast.acme.id):
        assert not Tenant.objects.exists()


def test_links_in_mails_point_at_this_installation(cast: Cast) -> None:
    assert by_mail.password_link(cast.ben).startswith(settings.STOA_PUBLIC_URL + "/password/")


def _plain(answer: Any) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", answer.content.decode())
