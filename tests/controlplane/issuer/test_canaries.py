"""Nothing that opens a door stands in a log or in a row, whatever happens on the way (SECURITY 0.11)."""

from __future__ import annotations

import logging

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from controlplane.local.pytest_plugin import TestServices
from tests.controlplane.issuer.conftest import Flow

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_whole_login_leaves_no_secret_behind(
    flow: Flow, services: TestServices, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    registered = flow.register(token_endpoint_auth_method="client_secret_post").json()
    code = flow.code()
    tokens = flow.redeem(code).json()
    refreshed = flow.refresh(tokens["refresh_token"]).json()
    flow.redeem(code)

    canaries = [
        registered["client_secret"],
        registered["registration_access_token"],
        code,
        flow.verifier,
        *(one[name] for one in (tokens, refreshed) for name in ("access_token", "refresh_token")),
    ]
    rows = dump(services)
    assert "issuer_grant" in rows
    for canary in canaries:
        assert canary not in caplog.text
        assert canary not in rows
        assert canary.encode().hex() not in rows


def dump(services: TestServices) -> str:
    """Every row of every table, as its owner sees it past the walls; sessions hold no secret of ours."""
    connection.close()
    told = []
    with psycopg.connect(services.urls.owner) as owner:
        tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (table,) in tables:
            owner.execute(sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(sql.Identifier(table)))
            rows = owner.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))).fetchall()
            told += [f"{table}: {row}" for (row,) in rows]
        owner.rollback()
    return "\n".join(told)
