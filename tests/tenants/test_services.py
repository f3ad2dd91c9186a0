from __future__ import annotations

import pytest

from tenants.context import acting_for
from tenants.lookups import TenantSummary, all_tenant_ids, tenant_by_slug, tenants_of_user
from tenants.models import Membership, Tenant, TenantKey
from tenants.services import InvalidSlugError, SlugTakenError, create_tenant
from tests.support.cast import Cast


@pytest.mark.django_db
def test_a_tenant_is_found_by_its_slug() -> None:
    tenant = create_tenant("initech", name="Initech")

    assert tenant_by_slug("initech") == TenantSummary(tenant.id, "initech", "Initech", "active")


@pytest.mark.django_db
@pytest.mark.parametrize("slug", ["nobody", "", "' OR true --", "%", "INITECH"])
def test_an_unknown_slug_finds_nothing(slug: str) -> None:
    create_tenant("initech")

    assert tenant_by_slug(slug) is None


@pytest.mark.django_db
@pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "a b", "a/b", "é", "a" * 51, "a\n", "a.b", "a_b"])
def test_a_slug_that_cannot_stand_in_a_url_is_refused(slug: str) -> None:
    with pytest.raises(InvalidSlugError, match="lower-case letters"):
        create_tenant(slug)


def test_a_taken_slug_is_refused(cast: Cast) -> None:
    with pytest.raises(SlugTakenError, match="'acme' is taken"):
        create_tenant("acme")

    assert len(all_tenant_ids()) == 2


@pytest.mark.django_db
def test_a_slug_is_not_given_out_again_after_its_tenant_is_gone() -> None:
    tenant = _tenant_that_is_gone("initech")

    with pytest.raises(SlugTakenError):
        create_tenant("initech")

    assert tenant.id not in all_tenant_ids()


def test_a_users_tenants_are_listed_with_their_roles(cast: Cast) -> None:
    with acting_for(cast.globex.id):
        Membership.objects.create(user=cast.ben, role="viewer")

    found = [(place.tenant.slug, place.role) for place in tenants_of_user(cast.ben.pk)]

    assert found == [("acme", "developer"), ("globex", "viewer")]


def test_a_user_without_a_place_has_no_tenants(cast: Cast) -> None:
    assert tenants_of_user("usr_unknown") == []


def _tenant_that_is_gone(slug: str) -> Tenant:
    tenant = create_tenant(slug)
    with acting_for(tenant.id):
        TenantKey.objects.all().delete()
        Tenant.objects.filter(pk=tenant.id).delete()
    return tenant
