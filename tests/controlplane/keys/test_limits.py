"""Keys of members, and keys for parts of endpoints and for networks."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.accounts.services import change_role, remove_member
from controlplane.audit.models import Entry
from controlplane.keys.authentication import principal_at, principal_for
from controlplane.keys.models import ApiKey
from controlplane.keys.services import (
    InvalidKeyError,
    KeyNotFoundError,
    NewKey,
    create_key,
    create_personal_key,
    list_personal_keys,
    revoke_personal_key,
    rotate_key,
    rotate_personal_key,
)
from tenants.context import acting_for
from tenants.models import Membership, Tenant
from tenants.principal import Principal
from tenants.roles import NotPermittedError
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def bens(acme: Tenant, ben: Principal) -> NewKey:
    with acting_for(acme.id):
        return create_personal_key("laptop", scopes=["mcp:call", "servers:write"], acting=ben)


def test_a_personal_key_acts_as_its_owner(bens: NewKey, ben: Principal) -> None:
    principal = principal_for(bens.token, "acme")

    assert principal is not None
    assert (principal.subject, principal.kind, principal.roles) == (ben.subject, "user", frozenset({"developer"}))
    assert principal.client_id == bens.key.id
    assert principal.scopes == {"mcp:call", "servers:write"}


def test_a_personal_key_may_no_more_than_its_owner_may_now(bens: NewKey, acme: Tenant, cast: Cast) -> None:
    with acting_for(acme.id):
        change_role(Membership.objects.get(user=cast.ben).pk, "viewer", acting=None)

    principal = principal_for(bens.token, "acme")

    assert principal is not None
    assert principal.scopes == {"mcp:call"}


def test_a_personal_key_ends_with_the_membership(bens: NewKey, acme: Tenant, cast: Cast) -> None:
    with acting_for(acme.id):
        remove_member(Membership.objects.get(user=cast.ben).pk, acting=None)

    assert principal_for(bens.token, "acme") is None
    with acting_for(acme.id):
        assert Entry.objects.filter(action="key.refused.ownerless", target=bens.key.id).exists()


def test_a_personal_key_ends_with_the_account(bens: NewKey, cast: Cast) -> None:
    cast.ben.is_active = False
    cast.ben.save()

    assert principal_for(bens.token, "acme") is None


def test_a_program_has_no_personal_keys(acme: Tenant, ada: Principal) -> None:
    with acting_for(acme.id):
        key = principal_for(create_key("bot", scopes=["mcp:call", "keys:write"], acting=ada).token)
        assert key is not None
        with pytest.raises(InvalidKeyError, match="belongs to a member"):
            create_personal_key("mine", scopes=["mcp:call"], acting=key)
        assert list_personal_keys(acting=key) == []


def test_a_personal_key_is_nobody_elses(bens: NewKey, acme: Tenant, ada: Principal) -> None:
    with acting_for(acme.id):
        assert list_personal_keys(acting=ada) == []
        with pytest.raises(KeyNotFoundError):
            revoke_personal_key(bens.key.id, acting=ada)
        with pytest.raises(KeyNotFoundError):
            rotate_personal_key(bens.key.id, overlap=timedelta(), acting=ada)
        with pytest.raises(InvalidKeyError, match="replaced by its owner"):
            rotate_key(bens.key.id, overlap=timedelta(), acting=ada)


def test_the_successor_of_a_key_has_its_owner_and_limits(acme: Tenant, ben: Principal) -> None:
    with acting_for(acme.id):
        made = create_personal_key(
            "laptop", scopes=["mcp:call"], only=["search_*"], networks=["203.0.113.7"], acting=ben
        )
        successor = rotate_personal_key(made.key.id, overlap=timedelta(), acting=ben)

    principal = principal_for(successor.token)
    assert principal is not None
    assert (principal.subject, principal.only, principal.networks) == (
        ben.subject,
        frozenset({"search_*"}),
        ("203.0.113.7/32",),
    )


def test_a_limited_key_makes_no_key_for_more(acme: Tenant, ada: Principal) -> None:
    with acting_for(acme.id):
        maker = create_key("ops", scopes=["mcp:call", "keys:write"], only=["search_*", "add"], acting=ada)
        limited = principal_for(maker.token)
        assert limited is not None
        create_key("same", scopes=["mcp:call"], only=["add"], acting=limited)
        for only in ([], ["*"], ["add", "drop"]):
            with pytest.raises(NotPermittedError):
                create_key("more", scopes=["mcp:call"], only=only, acting=limited)


@pytest.mark.parametrize("networks", [["everywhere"], ["203.0.113.7/24"], ["1.2.3.4"] * 51, [""]])
def test_what_is_no_network_is_refused(acme: Tenant, ada: Principal, networks: list[str]) -> None:
    with acting_for(acme.id), pytest.raises(InvalidKeyError, match="network"):
        create_key("x", scopes=["mcp:call"], networks=networks, acting=ada)


def test_what_is_no_pattern_is_refused(acme: Tenant, ada: Principal) -> None:
    with acting_for(acme.id), pytest.raises(InvalidKeyError, match="begin with tool:"):
        create_key("x", scopes=["mcp:call"], only=["server:x"], acting=ada)


def test_the_management_api_too_takes_a_key_in_its_networks_only(acme: Tenant, ada: Principal) -> None:
    with acting_for(acme.id):
        made = create_key("office", scopes=["mcp:call"], networks=["203.0.113.0/24"], acting=ada)

    assert principal_at("203.0.113.9", made.token) is not None
    assert principal_at("198.51.100.1", made.token) is None
    assert principal_at("", made.token) is None
    with acting_for(acme.id):
        assert Entry.objects.filter(action="key.refused.address").count() == 1
        assert ApiKey.objects.get().last_refused_at is not None
