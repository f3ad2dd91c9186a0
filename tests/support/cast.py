"""The cast: Ada owns acme, Ben is a developer there, Cem owns globex and is an outsider at acme."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pytest
from django.contrib.auth.hashers import make_password

from controlplane.accounts.models import User
from controlplane.accounts.services import add_member, open_tenant, principal_of
from tenants.context import acting_for
from tenants.models import Tenant
from tenants.principal import Principal

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Cast:
    acme: Tenant
    globex: Tenant
    ada: User
    ben: User
    cem: User

    def principal(self, user: User, tenant: Tenant) -> Principal:
        """The user acting in a tenant that they belong to."""
        principal = principal_of(user, tenant.slug)
        assert principal is not None, f"{user} is no member of {tenant}"
        return principal


_hashed = cache(make_password)


@pytest.fixture
def cast(db: None) -> Cast:
    # In one statement: two thousand tests have a cast. How people come to be is tested where it is the matter.
    people = ("ada@acme.example", "ben@acme.example", "cem@globex.example")
    hashed = _hashed(PASSWORD)
    ada, ben, cem = User.objects.bulk_create(
        User(email=email, name=email[:3].title(), password=hashed) for email in people
    )
    acme = open_tenant("acme", name="Acme", owner=ada)
    globex = open_tenant("globex", name="Globex", owner=cem)
    with acting_for(acme.id):
        add_member(ben, "developer", acting=None)
    return Cast(acme, globex, ada, ben, cem)


@pytest.fixture
def acme(cast: Cast) -> Tenant:
    return cast.acme


@pytest.fixture
def globex(cast: Cast) -> Tenant:
    return cast.globex


@pytest.fixture
def ada(cast: Cast) -> Principal:
    """Ada, as the owner of acme."""
    return cast.principal(cast.ada, cast.acme)


@pytest.fixture
def ben(cast: Cast) -> Principal:
    """Ben, as a developer of acme."""
    return cast.principal(cast.ben, cast.acme)


@pytest.fixture
def cem(cast: Cast) -> Principal:
    """Cem, as the owner of globex."""
    return cast.principal(cast.cem, cast.globex)
