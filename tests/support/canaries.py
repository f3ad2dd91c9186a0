"""The search for secrets that a test planted, in whatever was left behind (SECURITY 0.11)."""

from __future__ import annotations

import base64
import html
import json
import secrets
from collections.abc import Mapping
from urllib.parse import quote, quote_plus

import psycopg
from psycopg import sql

from controlplane.local.home import Home
from controlplane.local.postgres import Postgres
from tests.support.platform import RunningPlatform

PLANTED: dict[str, str] = {}
"""By name, those of the running platform's tests in this process. It looks for them once more when it ends."""


def canary(name: str) -> str:
    """A new secret that is to stand nowhere."""
    return plant(name, f"canary{secrets.token_hex(12)}")


def plant(name: str, secret: str) -> str:
    """A secret that the platform made, which is to stand nowhere either."""
    PLANTED[name] = secret
    return secret


def leaks(platform: RunningPlatform) -> list[str]:
    """Which of those that were planted stand in the platform's database or in its logs."""
    in_rows, in_logs = found(PLANTED, rows(platform)), found(PLANTED, logs(platform))
    return [f"{name}, in the database" for name in in_rows] + [f"{name}, in a log" for name in in_logs]


def rows(platform: RunningPlatform) -> str:
    return rows_of(Postgres(Home(platform.home)).urls().owner)


def logs(platform: RunningPlatform) -> str:
    files = [platform.log, *(path for path in platform.home.rglob("*.log") if path.is_file())]
    return "".join(path.read_text(errors="replace") for path in files)


def found(planted: Mapping[str, str], text: str) -> list[str]:
    """Which of them, by name, stand in the text in any spelling."""
    return [name for name, secret in planted.items() if any(one in text for one in spellings(secret))]


def spellings(secret: str) -> set[str]:
    """As it is, for URLs, HTML and JSON, in base64 of either alphabet wherever it begins, and each of these in hex."""
    spelled = {secret, quote(secret, safe=""), quote(secret), quote_plus(secret), html.escape(secret)}
    spelled.add(json.dumps(secret)[1:-1])
    for shift in range(3):
        # Of what stands before and behind, the first and last characters would tell as well.
        begin, end = -(-8 * shift // 6), (len(secret.encode()) + shift) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            spelled.add(encode(b"\0" * shift + secret.encode() + b"\0\0").decode()[begin:end])
    return spelled | {one.encode().hex() for one in spelled}


def rows_of(owner_url: str) -> str:
    """Every row of every table, as the owner of the database sees them past the walls; bytes are hex."""
    told = []
    with psycopg.connect(owner_url, autocommit=True) as owner:
        for (table,) in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall():
            name = sql.Identifier(table)
            with owner.transaction(force_rollback=True):
                owner.execute(sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(name))
                rows = owner.execute(sql.SQL("SELECT t::text FROM {} t").format(name)).fetchall()
                told += [f"{table}: {row}" for (row,) in rows]
    return "\n".join(told)
