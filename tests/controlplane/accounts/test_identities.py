"""Accounts that a tenant's provider vouches for never reach beyond the tenant."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction

from controlplane.accounts import identities
from controlplane.accounts.errors import AccountClosedError, InvalidIdentityError, OtherHomeError
from controlplane.accounts.models import User
from controlplane.accounts.services import add_member
from tenants.context import acting_for
from tests.support.cast import Cast

GOOGLE = "https://accounts.google.com"


def test_a_subject_has_one_account_whatever_its_address_becomes(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        first = identities.person_at(GOOGLE, "42", email="Dee@acme.example", name="Dee", email_verified=True)
        again = identities.person_at(GOOGLE, "42", email="dee.new@acme.example")

    assert first.pk == again.pk
    assert (again.email, again.name, again.email_verified_at) == ("dee.new@acme.example", "Dee", None)


def test_an_address_joins_nobody_to_an_account_that_has_it(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        person = identities.person_at(GOOGLE, "42", email=cast.ada.email, email_verified=True)

    assert person.pk != cast.ada.pk
    assert User.objects.get_by_natural_key(cast.ada.email) == cast.ada


def test_two_tenants_providers_vouch_for_two_people_even_of_one_subject(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        here = identities.person_at(GOOGLE, "42", email="dee@acme.example")
    with acting_for(cast.globex.id):
        there = identities.person_at(GOOGLE, "42", email="dee@acme.example")

    assert here.pk != there.pk
    assert (here.home, there.home) == (cast.acme.id, cast.globex.id)


def test_such_an_account_belongs_to_its_tenant_only(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        person = identities.person_at(GOOGLE, "42", email="dee@acme.example")
        member = identities.admit(person, "viewer")
        again = identities.admit(person, "owner")

    assert (member.pk, again.role) == (again.pk, "viewer")
    with acting_for(cast.globex.id), pytest.raises(OtherHomeError):
        add_member(person, "viewer", acting=None)


def test_it_has_no_password(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        person = identities.person_at(GOOGLE, "42", email="dee@acme.example")
    person.set_password("a password it should not have")
    person.save()

    assert authenticate(username=person.email, password="a password it should not have") is None


def test_a_closed_account_stays_closed(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        person = identities.person_at(GOOGLE, "42", email="dee@acme.example")
        User.objects.filter(pk=person.pk).update(is_active=False)

        with pytest.raises(AccountClosedError):
            identities.person_at(GOOGLE, "42", email="dee@acme.example")


@pytest.mark.parametrize(("subject", "email"), [("", "dee@acme.example"), ("s" * 256, "dee@acme.example"), ("1", "x")])
def test_an_answer_that_names_nobody_is_refused(cast: Cast, subject: str, email: str) -> None:
    with acting_for(cast.acme.id), pytest.raises(InvalidIdentityError):
        identities.person_at(GOOGLE, subject, email=email)


def test_it_administers_no_installation(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        person = identities.person_at(GOOGLE, "42", email="dee@acme.example")
    person.is_platform_admin = True

    with pytest.raises(IntegrityError), transaction.atomic():
        person.save()
