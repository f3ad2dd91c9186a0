"""Migrations are frozen: what one did once it does for ever, and it can be taken back."""

from __future__ import annotations

import ast
import inspect

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.migrations import Migration
from django.db.migrations.loader import MigrationLoader

OURS = {config.label for config in apps.get_app_configs() if config.name.startswith(("controlplane", "tenants"))}
FROZEN = "tenants.rls."
"""The only code of ours that migrations may use: it says itself that it never changes."""


def our_migrations() -> list[Migration]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return [migration for (app, _), migration in sorted(loader.disk_migrations.items()) if app in OURS]


@pytest.mark.parametrize("migration", our_migrations(), ids=str)
def test_a_migration_imports_nothing_that_may_change(migration: Migration) -> None:
    tree = ast.parse(inspect.getsource(inspect.getmodule(type(migration)) or type(migration)))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {
        f"{node.module}.{name.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }

    ours = {name for name in imported if name.split(".")[0] in ("controlplane", "mcp_runtime", "tenants")}

    assert [name for name in ours if not f"{name}.".startswith(FROZEN)] == []


@pytest.mark.parametrize("migration", our_migrations(), ids=str)
def test_a_migration_can_be_taken_back(migration: Migration) -> None:
    one_way = [operation.describe() for operation in migration.operations if not operation.reversible]

    assert one_way == []


@pytest.mark.django_db
def test_the_migrations_say_what_the_models_say() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
