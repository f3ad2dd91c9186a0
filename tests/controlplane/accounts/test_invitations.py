"""A place in a tenant, offered: once, for a while, and to one address when one was given."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.mail import EmailMessage
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from controlplane.accounts import invitations
from controlplane.accounts.errors import (
    InvalidAccountError,
    InvitationNotFoundError,
    InvitationNotYoursError,
    LastOwnerError,
)
from controlplane.accounts.invitations import NewInvitation
from controlplane.accounts.models import Invitation, User
from controlplane.accounts.services import leave, principal_of
from tenants.context import acting_for
from tenants.models import Membership
from tenants.principal import Principal
from tenants.roles import NotPermittedError
from tests.support.cast import Cast

GIVEN = {"name": "Dee", "email": "dee@acme.example", "password": "a long password of Dee"}


def invited(cast: Cast, email: str = "") -> NewInvitation:
    with acting_for(cast.acme.id):
        return invitations.invite("acme", "viewer", email=email, acting=None)


def secret_of(invitation: NewInvitation) -> str:
    return invitation.url.rstrip("/").rpartition("/")[2]


def path_of(invitation: NewInvitation) -> str:
    return "/join/" + invitation.url.partition("/join/")[2]


def test_a_new_person_joins_by_the_link_once(client: Client, cast: Cast) -> None:
    link = path_of(invited(cast))

    page = client.get(link)
    joined = client.post(link, GIVEN)
    again = Client().post(link, GIVEN | {"email": "other@acme.example"})

    assert b"viewer" in page.content
    assert joined.status_code == 302
    dee = User.objects.get(email="dee@acme.example")
    assert principal_of(dee, "acme") is not None
    assert client.get("/tenants/acme/").status_code == 200
    assert again.status_code == 404
    assert not User.objects.filter(email="other@acme.example").exists()


def test_who_has_an_account_joins_with_it(client: Client, cast: Cast) -> None:
    client.force_login(cast.cem)

    client.post(path_of(invited(cast, cast.cem.email)))

    assert principal_of(cast.cem, "acme") is not None


def test_an_invitation_for_an_address_is_for_nobody_else(cast: Cast) -> None:
    invitation = invited(cast, "dee@acme.example")

    with pytest.raises(InvitationNotYoursError):
        invitations.accept("acme", secret_of(invitation), cast.cem)

    assert principal_of(cast.cem, "acme") is None


def test_the_address_of_an_invitation_cannot_be_changed_on_the_page(client: Client, cast: Cast) -> None:
    client.post(path_of(invited(cast, "dee@acme.example")), GIVEN | {"email": "mallory@evil.example"})

    assert User.objects.filter(email="dee@acme.example").exists()
    assert not User.objects.filter(email="mallory@evil.example").exists()


def test_an_account_with_the_address_is_not_taken_over(client: Client, cast: Cast) -> None:
    page = client.post(path_of(invited(cast, cast.cem.email)), GIVEN | {"email": cast.cem.email})

    assert b"has an account" in page.content
    assert principal_of(cast.cem, "acme") is None


@pytest.mark.parametrize("end", ["expired", "withdrawn"])
def test_an_invitation_that_is_over_is_as_if_it_never_was(client: Client, cast: Cast, end: str) -> None:
    invitation = invited(cast)
    with acting_for(cast.acme.id):
        if end == "expired":
            Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        else:
            invitations.withdraw(invitation.invitation.pk, acting=None)

    over = client.get(path_of(invitation))
    unknown = client.get("/join/acme/unknown/")
    nowhere = client.get("/join/nowhere/unknown/")

    assert over.status_code == unknown.status_code == nowhere.status_code == 404
    assert over.content == unknown.content == nowhere.content


def test_the_link_is_for_its_tenant(cast: Cast) -> None:
    with pytest.raises(InvitationNotFoundError):
        invitations.read("globex", secret_of(invited(cast)))


def test_the_secret_is_kept_nowhere(cast: Cast) -> None:
    invitation = invited(cast)

    with acting_for(cast.acme.id):
        assert secret_of(invitation) not in str(Invitation.objects.values())


def test_nobody_invites_to_a_role_above_their_own(cast: Cast, ben: Principal) -> None:
    with acting_for(cast.acme.id), pytest.raises(NotPermittedError):
        invitations.invite("acme", "viewer", acting=ben)


def test_what_is_no_address_is_refused(cast: Cast) -> None:
    with pytest.raises(InvalidAccountError):
        invited(cast, "not an address")


def test_a_member_leaves_but_the_last_owner_does_not(cast: Cast, ada: Principal, ben: Principal) -> None:
    with acting_for(cast.acme.id):
        leave(acting=ben)
        with pytest.raises(LastOwnerError):
            leave(acting=ada)
        assert [one.user_id for one in Membership.objects.all()] == [cast.ada.pk]


def test_an_invitation_with_an_address_is_mailed_once_it_is_made(
    cast: Cast, settings: Settings, mailoutbox: list[EmailMessage], django_capture_on_commit_callbacks: Any
) -> None:
    settings.STOA_MAIL = True
    client = Client()
    client.force_login(cast.ada)

    with django_capture_on_commit_callbacks(execute=True):
        made = client.post(
            "/api/v1/tenants/acme/invitations",
            {"role": "viewer", "email": "dee@acme.example", "days": 3},
            content_type="application/json",
        )
        client.post("/api/v1/tenants/acme/invitations", {"role": "viewer"}, content_type="application/json")
        before_it_is_kept = list(mailoutbox)

    assert before_it_is_kept == []
    (mail,) = mailoutbox
    assert mail.to == ["dee@acme.example"]
    assert mail.body.startswith("Ada invites you to acme as viewer.")
    assert made.json()["url"] in mail.body
    assert made.json()["expires_at"][:10] in mail.body


def test_without_a_mail_server_the_link_is_passed_on(
    cast: Cast, mailoutbox: list[EmailMessage], django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        made = invited(cast, "dee@acme.example")

    assert mailoutbox == []
    assert made.url
