"""How often a password, code or address may be tried: few times for one account from one place, more for either alone.

An attempt is counted before the password is looked at, so that a thousand at once are a thousand, and forgotten when
it was right. The limit of an account alone is wide: a stranger must not be able to lock its owner out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from controlplane.accounts.models import SignInAttempts


@dataclass(frozen=True, slots=True)
class Limit:
    attempts: int
    window: timedelta


ACCOUNT_FROM_PLACE: Final = Limit(10, timedelta(minutes=10))
PLACE: Final = Limit(200, timedelta(minutes=10))
ACCOUNT: Final = Limit(300, timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Gate:
    """A form at which something can be guessed, or a mail be sent. Each counts for itself."""

    name: str
    account_from_place: Limit
    place: Limit
    account: Limit


SIGN_IN: Final = Gate("", ACCOUNT_FROM_PLACE, PLACE, ACCOUNT)
# Who gets here knows the password, so the account's own limit can be narrow: no stranger can use it up.
SECOND_FACTOR: Final = Gate("second factor", Limit(10, timedelta(minutes=10)), PLACE, Limit(20, timedelta(hours=1)))
RECOVERY: Final = Gate(
    "recovery", Limit(3, timedelta(hours=1)), Limit(30, timedelta(hours=1)), Limit(6, timedelta(hours=1))
)
SIGN_UP: Final = Gate(
    "sign up", Limit(10, timedelta(hours=1)), Limit(20, timedelta(hours=1)), Limit(20, timedelta(hours=1))
)
_FORGOTTEN_AFTER: Final = timedelta(hours=1)

_COUNT = """
INSERT INTO accounts_signinattempts AS seen (key, count, since) VALUES (%s, 1, %s)
ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN seen.since <= %s THEN 1 ELSE seen.count + 1 END,
    since = CASE WHEN seen.since <= %s THEN EXCLUDED.since ELSE seen.since END
RETURNING count, since
"""


def take(email: str, place: str, *, gate: Gate = SIGN_IN, now: datetime | None = None) -> timedelta | None:
    """Count an attempt. How long to wait when there were too many; None when it may go on."""
    now = now or timezone.now()
    # The place comes first and ends it: who makes up accounts fills no table.
    for key, limit in _keys(email, place, gate):
        wait = _count(key, limit, now)
        if wait is not None:
            return wait
    return None


def forget(email: str, place: str, *, gate: Gate = SIGN_IN) -> None:
    """What was tried was right. Other people's attempts from the same place stay counted."""
    _, (pair, _), _ = _keys(email, place, gate)
    SignInAttempts.objects.filter(key=pair).delete()
    SignInAttempts.objects.filter(since__lt=timezone.now() - _FORGOTTEN_AFTER).delete()


def _count(key: str, limit: Limit, now: datetime) -> timedelta | None:
    over = now - limit.window
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [key, now, over, over])
        count, since = cursor.fetchone()
    return since + limit.window - now if count > limit.attempts else None


def _keys(email: str, place: str, gate: Gate) -> Iterator[tuple[str, Limit]]:
    """Digests: the table is no list of who tried to sign in."""
    account = f"{gate.name}\n{email.strip().lower()}" if gate.name else email.strip().lower()
    place = f"{gate.name}\n{place}" if gate.name else place
    for name, limit in (
        (f"\n{place}", gate.place),
        (f"{account}\n{place}", gate.account_from_place),
        (f"{account}\n", gate.account),
    ):
        yield hashlib.sha256(name.encode("utf-8", "replace")).hexdigest(), limit
