"""Keys change while tokens are about."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from controlplane.issuer import signing
from controlplane.issuer.models import SigningKey
from controlplane.issuer.trust import signers_of
from mcp_runtime.authorization.access_tokens import Issuer
from tenants.context import acting_for
from tenants.principal import Principal
from tenants.roles import NotPermittedError
from tests.controlplane.issuer.conftest import Flow
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db


def test_a_new_key_is_published_before_it_signs(flow: Flow, cast: Cast, ada: Principal) -> None:
    before = flow.log_in()["access_token"]

    with acting_for(cast.acme.id):
        new = signing.rotate(acting=ada)
    after = flow.log_in()["access_token"]

    assert new.id in {key["kid"] for key in flow.program.get(flow.oauth("jwks")).json()["keys"]}
    assert _accepted(before)
    assert _accepted(after)
    assert after.split(".")[0] == before.split(".")[0]


def test_when_its_time_has_come_it_signs_and_the_old_one_still_verifies(flow: Flow, cast: Cast, ada: Principal) -> None:
    before = flow.log_in()["access_token"]

    with acting_for(cast.acme.id):
        new = signing.rotate(acting=ada)
        SigningKey.objects.filter(pk=new.pk).update(signs_from=timezone.now())
    after = flow.log_in()["access_token"]

    assert after.split(".")[0] != before.split(".")[0]
    assert _accepted(before)
    assert _accepted(after)


def test_a_superseded_key_goes_when_nothing_it_signed_is_valid(flow: Flow, cast: Cast, ada: Principal) -> None:
    flow.log_in()
    with acting_for(cast.acme.id):
        first = SigningKey.objects.get()
        second = signing.rotate(acting=ada)
        SigningKey.objects.filter(pk=first.pk).update(signs_from=timezone.now() - timedelta(days=2))
        SigningKey.objects.filter(pk=second.pk).update(signs_from=timezone.now() - timedelta(days=1))

        third = signing.rotate(acting=ada)

        assert set(SigningKey.objects.values_list("pk", flat=True)) == {second.pk, third.pk}


def test_a_leaked_key_ends_at_once_with_all_it_signed(flow: Flow, cast: Cast, ada: Principal) -> None:
    before = flow.log_in()["access_token"]

    with acting_for(cast.acme.id):
        signing.rotate(acting=ada, at_once=True)

    assert not _accepted(before)
    assert _accepted(flow.log_in()["access_token"])


def test_a_developer_rotates_nothing(cast: Cast, ben: Principal) -> None:
    with acting_for(cast.acme.id), pytest.raises(NotPermittedError):
        signing.rotate(acting=ben)


def test_the_private_key_is_sealed(flow: Flow, cast: Cast) -> None:
    flow.log_in()

    with acting_for(cast.acme.id):
        row = SigningKey.objects.get()

    assert "d" not in row.public
    assert b"\x02\x01\x01\x04\x20" not in bytes(row.sealed)  # how a P-256 private key begins in DER


def _accepted(token: str) -> bool:
    return Issuer(signers_of(["acme"])["acme"]).claims(token) is not None
