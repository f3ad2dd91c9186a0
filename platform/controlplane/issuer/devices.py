"""Device codes: made for a program, shown to a person, decided once (RFC 8628). Inside `acting_for(tenant)`."""

from __future__ import annotations

import secrets as random
from collections.abc import Collection
from datetime import timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.utils import timezone

from controlplane.accounts.models import User
from controlplane.issuer import secrets
from controlplane.issuer.endpoints import Target
from controlplane.issuer.models import Client, DeviceCode

LIFETIME: Final = timedelta(minutes=10)
POLL_SECONDS: Final = 5
MAX_WAITING: Final = 1_000
"""In one tenant. Anybody may ask for a code."""
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so no words; nothing that looks like a digit. Eight of them are 34 bits, and trying takes a sign-in."""


class TooManyDevicesError(Exception):
    """More wait in one tenant than people could be about to let in."""


def make(client: Client, target: Target, scopes: Collection[str]) -> tuple[str, DeviceCode]:
    """A code for the program, and what the person is shown. Raises TooManyDevicesError."""
    DeviceCode.objects.filter(expires_at__lt=timezone.now()).delete()
    if DeviceCode.objects.count() >= MAX_WAITING:
        raise TooManyDevicesError
    token = secrets.new_secret("dc")
    code = DeviceCode(
        digest=secrets.digest(token),
        client=client,
        endpoint_id=target.endpoint_id,
        resource=target.resource,
        scopes=sorted(scopes),
        expires_at=timezone.now() + LIFETIME,
        user_code=_user_code(),
    )
    try:
        with transaction.atomic():
            code.save(force_insert=True)
    except IntegrityError:  # one in ten thousand millions: another device shows the same letters
        code.user_code = _user_code()
        code.save(force_insert=True)
    return token, code


def find(device_code: str) -> DeviceCode | None:
    """Locked: two polls at once must not both become logins."""
    found = DeviceCode.objects.select_for_update(of=("self",)).filter(digest=secrets.digest(device_code))
    return found.select_related("client", "user").first()


def waiting(user_code: str) -> DeviceCode | None:
    """The one that a person typed, when nobody has decided yet. Case and hyphen do not matter."""
    letters = "".join(letter for letter in user_code.upper() if letter.isalnum())
    typed = f"{letters[:4]}-{letters[4:]}"
    found = DeviceCode.objects.select_for_update(of=("self",)).filter(user_code=typed, user=None)
    return found.filter(expires_at__gt=timezone.now()).select_related("client").first()


def decide(code: DeviceCode, user: User, scopes: Collection[str]) -> None:
    """Allow these scopes; none is a refusal."""
    code.user = user
    code.allowed = bool(scopes)
    code.scopes = sorted(scopes)
    code.save(update_fields=["user", "allowed", "scopes"])


def polled_too_soon(code: DeviceCode) -> bool:
    now = timezone.now()
    last = code.polled_at
    code.polled_at = now
    code.save(update_fields=["polled_at"])
    # A second of tolerance: programs wait as told and the network does not.
    return last is not None and now - last < timedelta(seconds=POLL_SECONDS - 1)


def _user_code() -> str:
    letters = "".join(random.choice(_LETTERS) for _ in range(8))
    return f"{letters[:4]}-{letters[4:]}"
