"""The commands of docs/operations/recovery.md, run against a PostgreSQL."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from controlplane.local.home import Home
from controlplane.local.postgres import Postgres, binary
from controlplane.local.services import postgres

PAGE = (Path(__file__).parents[2] / "docs" / "operations" / "recovery.md").read_text()
SCHEMA = """
CREATE TABLE secret (tenant_id text NOT NULL, sealed text NOT NULL);
GRANT SELECT ON secret TO stoa_app;
INSERT INTO secret VALUES ('ten_1', 'of acme'), ('ten_2', 'of globex');
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE secret FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_wall ON secret USING (tenant_id = current_setting('app.tenant', true));
"""
"""A tenant's table, walled in as `tenants.rls` does it."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A database server with its superuser, and the role for backups that the page makes."""
    home = Home(tmp_path_factory.mktemp("recovery"))
    home.create()
    server = Postgres(home, for_tests=True)
    server.prepare()
    with (server.data / "pg_hba.conf").open("a") as rules:
        rules.write("local all postgres trust\nlocal all stoa_backup trust\n")
    with postgres(home, for_tests=True) as urls:
        with psycopg.connect(urls.owner, autocommit=True) as owner:
            owner.execute(SCHEMA)
        (roles,) = re.findall(r"```sql\n(CREATE ROLE stoa_backup.*?)```", PAGE, re.DOTALL)
        with psycopg.connect(address(home, "postgres"), autocommit=True) as superuser:
            superuser.execute(roles)
            superuser.execute("CREATE DATABASE again OWNER stoa_owner")
        yield home


def address(home: Home, user: str, database: str = "stoa") -> str:
    host = conninfo_to_dict(Postgres(home).urls().owner)["host"]
    return f"host={host} user={user} dbname={database}"


def run(home: Home, command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command of the page, with the program that came with the server."""
    program, *arguments = command.split()
    host = conninfo_to_dict(address(home, "stoa"))["host"]
    return subprocess.run(
        [str(binary(program)), f"--host={host}", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def command(beginning: str) -> str:
    (found,) = re.findall(rf"^\s*({beginning} .*)$", PAGE, re.MULTILINE)
    return str(found)


def rows(home: Home, database: str, tenant: str) -> list[str]:
    """What the application sees, acting for a tenant."""
    with psycopg.connect(address(home, "stoa_app", database)) as app:
        app.execute("SELECT set_config('app.tenant', %s, true)", [tenant])
        return [sealed for (sealed,) in app.execute("SELECT sealed FROM secret")]


def test_the_owner_cannot_write_a_dump_with_rows_missing(home: Home, tmp_path: Path) -> None:
    done = run(home, command("pg_dump").replace("stoa_backup", "stoa_owner"), tmp_path)

    assert done.returncode != 0
    assert "query would be affected by row-level security policy" in done.stderr


def test_a_dump_comes_back_with_its_rows_and_its_walls(home: Home, tmp_path: Path) -> None:
    dumped = run(home, command("pg_dump"), tmp_path)
    restored = run(home, command("pg_restore").replace("--dbname=stoa ", "--dbname=again "), tmp_path)

    assert (dumped.returncode, restored.returncode) == (0, 0), dumped.stderr + restored.stderr
    assert rows(home, "again", "ten_1") == ["of acme"]
    assert rows(home, "again", "") == []
