from __future__ import annotations

import pytest

from tenants.models import Membership
from tenants.principal import Principal
from tenants.roles import PERMISSIONS, PERMISSIONS_OF, ROLES, NotPermittedError, Role, permits, require


def principal(*scopes: str) -> Principal:
    return Principal("ten_1", "stoa:keys", "key_1", "api_key", "key_1", frozenset(scopes), frozenset(), "*")


def test_the_table_knows_the_roles_that_memberships_can_have() -> None:
    assert set(PERMISSIONS_OF) == set(ROLES) == set(Membership.Role.values)


def test_an_owner_may_do_everything() -> None:
    assert PERMISSIONS_OF["owner"] == PERMISSIONS


@pytest.mark.parametrize(
    ("role", "permission"),
    [
        ("admin", "tenant:delete"),
        ("developer", "members:write"),
        ("developer", "audit:read"),
        ("operator", "servers:write"),
        ("operator", "secrets:write"),
        ("viewer", "endpoints:write"),
        ("viewer", "keys:read"),
        ("auditor", "mcp:call"),
        ("auditor", "keys:write"),
    ],
)
def test_a_role_lacks_what_is_not_its_business(role: Role, permission: str) -> None:
    assert permission in PERMISSIONS
    assert permission not in PERMISSIONS_OF[role]


@pytest.mark.parametrize(("role", "permission"), [("viewer", "mcp:call"), ("auditor", "audit:read")])
def test_a_role_has_what_it_is_for(role: Role, permission: str) -> None:
    assert permission in PERMISSIONS_OF[role]


def test_only_those_who_write_secrets_see_their_names() -> None:
    readers = {role for role in ROLES if "secrets:read" in PERMISSIONS_OF[role]}

    assert readers == {role for role in ROLES if "secrets:write" in PERMISSIONS_OF[role]}


def test_scopes_decide() -> None:
    assert permits(principal("mcp:call"), "mcp:call")
    assert not permits(principal("mcp:call"), "servers:write")


def test_a_missing_permission_is_named() -> None:
    with pytest.raises(NotPermittedError, match="'servers:write'"):
        require(principal("mcp:call"), "servers:write")


def test_the_platform_itself_may() -> None:
    require(None, "servers:write")


def test_a_misspelt_permission_is_a_mistake_in_the_code() -> None:
    with pytest.raises(ValueError, match=r"roles\.py"):
        require(None, "server:write")
