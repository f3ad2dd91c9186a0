from __future__ import annotations

from dataclasses import replace
from typing import cast as cast_type

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import identify_hasher
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from pytest_django import Settings

from controlplane.accounts.errors import AlreadyMemberError, InvalidRoleError, LastOwnerError, MemberNotFoundError
from controlplane.accounts.models import User
from controlplane.accounts.services import (
    add_member,
    change_role,
    create_user,
    create_user_in,
    open_tenant,
    principal_of,
    remove_member,
)
from controlplane.audit.models import Entry
from controlplane.settings import base
from tenants.context import acting_for
from tenants.lookups import tenant_by_slug, tenants_of_user
from tenants.models import Membership, Tenant
from tenants.principal import Principal
from tenants.roles import PERMISSIONS, PERMISSIONS_OF, NotPermittedError, Role
from tenants.services import SlugTakenError
from tests.support.cast import PASSWORD, Cast


@pytest.mark.parametrize("address", ["ada@acme.example", "ADA@Acme.Example"])
def test_signing_in_ignores_the_case_of_an_address(cast: Cast, address: str) -> None:
    assert authenticate(username=address, password=PASSWORD) == cast.ada


def test_a_wrong_password_does_not_sign_in(cast: Cast) -> None:
    assert authenticate(username="ada@acme.example", password="wrong") is None


@pytest.mark.django_db
def test_a_user_without_a_password_cannot_sign_in() -> None:
    create_user("new@acme.example")

    assert authenticate(username="new@acme.example", password="") is None


@pytest.mark.parametrize("address", ["ada@acme.example", "Ada@ACME.example", " ada@acme.example "])
def test_an_address_has_one_account(cast: Cast, address: str) -> None:
    with pytest.raises(ValidationError, match="has an account"):
        create_user(address)


@pytest.mark.django_db
def test_the_database_refuses_an_address_in_another_case() -> None:
    user = create_user("new@acme.example")

    with pytest.raises(IntegrityError):
        User.objects.filter(pk=user.pk).update(email="NEW@acme.example")


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["", "ada", "ada@", "a" * 250 + "@acme.example"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        create_user(address)


@pytest.mark.django_db
def test_passwords_are_kept_as_argon2_hashes(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = base.PASSWORD_HASHERS

    user = create_user("new@acme.example", password=PASSWORD)

    assert identify_hasher(user.password).algorithm == "argon2"
    assert PASSWORD not in f"{user!r} {user.password}"


def test_a_tenant_opens_with_its_owner(cast: Cast) -> None:
    tenant = open_tenant("initech", name="Initech", owner=cast.ben)

    assert [(place.tenant.slug, place.role) for place in tenants_of_user(cast.ben.pk)] == [
        ("acme", "developer"),
        ("initech", "owner"),
    ]
    with acting_for(tenant.id):
        assert set(Entry.objects.values_list("action", flat=True)) == {"tenant.created", "member.added"}


def test_a_taken_slug_opens_nothing(cast: Cast) -> None:
    with pytest.raises(SlugTakenError):
        open_tenant("acme", owner=cast.cem)

    assert [place.tenant.slug for place in tenants_of_user(cast.cem.pk)] == ["globex"]


def test_a_user_and_their_place_are_made_together(cast: Cast) -> None:
    user = create_user_in(cast.acme.id, "dee@acme.example", "viewer")

    assert [place.role for place in tenants_of_user(user.pk)] == ["viewer"]
    with pytest.raises(InvalidRoleError, match="owner, admin"):
        create_user_in(cast.acme.id, "eve@acme.example", cast_type("Role", "god"))
    assert not User.objects.filter(email="eve@acme.example").exists()


def test_a_member_acts_with_what_their_role_permits(cast: Cast) -> None:
    principal = principal_of(cast.ben, "acme")

    assert principal is not None
    assert (principal.tenant, principal.subject, principal.kind) == (cast.acme.id, cast.ben.pk, "user")
    assert principal.scopes == PERMISSIONS_OF["developer"]


@pytest.mark.parametrize("slug", ["acme", "nobody"])
def test_an_outsider_and_an_unknown_tenant_look_alike(cast: Cast, slug: str) -> None:
    assert principal_of(cast.cem, slug) is None


def test_an_inactive_user_acts_nowhere(cast: Cast) -> None:
    cast.ben.is_active = False

    assert principal_of(cast.ben, "acme") is None


def test_nobody_acts_in_a_suspended_tenant(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Tenant.objects.update(status=Tenant.Status.SUSPENDED)

    assert principal_of(cast.ada, "acme") is None


def test_a_member_is_added_once(cast: Cast, ada: Principal) -> None:
    with acting_for(cast.acme.id), pytest.raises(AlreadyMemberError, match="is a member already"):
        add_member(cast.ben, "viewer", acting=ada)


def test_a_developer_manages_no_members(cast: Cast, ben: Principal) -> None:
    with acting_for(cast.acme.id):
        with pytest.raises(NotPermittedError, match="'members:write'"):
            add_member(cast.cem, "viewer", acting=ben)
        with pytest.raises(NotPermittedError, match="'members:write'"):
            remove_member(_membership(cast.ada).pk, acting=ben)


@pytest.mark.parametrize("role", ["owner"])
def test_an_admin_makes_no_owner(cast: Cast, ada: Principal, role: Role) -> None:
    admin = replace(ada, scopes=PERMISSIONS_OF["admin"])

    with acting_for(cast.acme.id):
        with pytest.raises(NotPermittedError, match="'tenant:delete'"):
            add_member(cast.cem, role, acting=admin)
        with pytest.raises(NotPermittedError, match="'tenant:delete'"):
            change_role(_membership(cast.ben).pk, role, acting=admin)


def test_an_admin_unmakes_no_owner(cast: Cast, ada: Principal) -> None:
    admin = replace(ada, scopes=PERMISSIONS_OF["admin"])

    with acting_for(cast.acme.id):
        add_member(cast.cem, "owner", acting=ada)
        with pytest.raises(NotPermittedError):
            change_role(_membership(cast.cem).pk, "viewer", acting=admin)
        with pytest.raises(NotPermittedError):
            remove_member(_membership(cast.cem).pk, acting=admin)


def test_the_last_owner_stays(cast: Cast, ada: Principal) -> None:
    with acting_for(cast.acme.id):
        with pytest.raises(LastOwnerError):
            change_role(_membership(cast.ada).pk, "viewer", acting=ada)
        with pytest.raises(LastOwnerError):
            remove_member(_membership(cast.ada).pk, acting=ada)


def test_an_owner_leaves_when_another_stays(cast: Cast, ada: Principal) -> None:
    with acting_for(cast.acme.id):
        change_role(_membership(cast.ben).pk, "owner", acting=ada)
        remove_member(_membership(cast.ada).pk, acting=ada)

    assert principal_of(cast.ada, "acme") is None
    assert cast.principal(cast.ben, cast.acme).scopes == PERMISSIONS


def test_an_outsider_finds_no_member(cast: Cast, cem: Principal) -> None:
    with acting_for(cast.acme.id):
        membership = _membership(cast.ben)

    with acting_for(cast.globex.id), pytest.raises(MemberNotFoundError):
        remove_member(membership.pk, acting=cem)


def test_each_change_is_on_record(cast: Cast, ada: Principal) -> None:
    with acting_for(cast.acme.id):
        membership = _membership(cast.ben)
        change_role(membership.pk, "operator", acting=ada)
        remove_member(membership.pk, acting=ada)
        entries = list(Entry.objects.filter(target=membership.id).order_by("id").values_list("action", "actor"))

    assert entries == [("member.added", ""), ("member.changed", ada.subject), ("member.removed", ada.subject)]


def test_the_platforms_questions_do_not_leave_a_tenant_behind(cast: Cast) -> None:
    tenant_by_slug("acme")
    principal_of(cast.ada, "acme")

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tenants_membership")
        assert cursor.fetchone() == (0,)


def _membership(user: User) -> Membership:
    return Membership.objects.get(user=user)
