"""Second factors that are typed: codes of an authenticator app (RFC 6238), and recovery codes on paper.

A code works once: the time step it belongs to is remembered by a conditional update, so that of two tries at once
one wins. An app's secret is sealed; recovery codes are random enough (80 bits) for a plain digest.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import datetime
from typing import Final

import pyotp
import segno
from django.db import transaction
from django.utils import timezone

from controlplane.accounts import platform_record
from controlplane.accounts.errors import AuthenticatorNotFoundError, WrongCodeError
from controlplane.accounts.models import Authenticator, RecoveryCode, User
from tenants import platform_keys

STEP_SECONDS: Final = 30
CODES: Final = 10
ISSUER: Final = "Stoa"
_TABLE = "accounts_authenticator"


def offer_app(user: User) -> str:
    """A secret for the person's app, which counts from `confirm_app` on. The same until then."""
    waiting = Authenticator.objects.filter(user=user, kind=Authenticator.Kind.TOTP).first()
    if waiting is not None and waiting.confirmed_at is not None:
        raise ValueError("The person has an app already; remove it first.")
    if waiting is not None:
        return _secret(waiting)
    secret = pyotp.random_base32()
    app = Authenticator(user=user, kind=Authenticator.Kind.TOTP, name="Authenticator app")
    app.sealed = platform_keys.seal(secret.encode(), table=_TABLE, column="sealed", row=app.pk)
    app.save()
    return secret


def app_address(user: User, secret: str) -> str:
    """What the QR code says."""
    return pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=ISSUER)


def qr_code(text: str) -> str:
    """An SVG image that stands in a page without style attributes."""
    return str(segno.make(text, error="m").svg_inline(scale=4, dark="#000000", light="#ffffff", omitsize=False))


@transaction.atomic
def confirm_app(user: User, code: str) -> list[str]:
    """The person's app works. New recovery codes when it is their first second factor. Raises WrongCodeError."""
    app = Authenticator.objects.select_for_update().filter(user=user, kind=Authenticator.Kind.TOTP).first()
    if app is None or app.confirmed_at is not None or not _use(app, code):
        raise WrongCodeError
    return confirmed(user, app)


def confirmed(user: User, authenticator: Authenticator) -> list[str]:
    """It counts from now on. Inside a transaction; new recovery codes when it is the person's first."""
    first = not Authenticator.objects.filter(user=user, confirmed_at__isnull=False).exists()
    authenticator.confirmed_at = timezone.now()
    authenticator.save(update_fields=["confirmed_at"])
    platform_record.record("account.second_factor_added", actor=user, target=user.pk, kind=authenticator.kind)
    return new_recovery_codes(user) if first else []


@transaction.atomic
def new_recovery_codes(user: User) -> list[str]:
    """In place of all older ones. Shown once."""
    RecoveryCode.objects.filter(user=user).delete()
    codes = [_new_code() for _ in range(CODES)]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, digest=_digest(code)) for code in codes)
    platform_record.record("account.recovery_codes_made", actor=user, target=user.pk)
    return codes


def check(user: User, code: str) -> None:
    """Use up a code of the person's app, or one from paper. Raises WrongCodeError."""
    app = Authenticator.objects.filter(user=user, kind=Authenticator.Kind.TOTP, confirmed_at__isnull=False).first()
    if app is not None and _use(app, code):
        return
    used, _ = RecoveryCode.objects.filter(user=user, digest=_digest(code)).delete()
    if not used:
        raise WrongCodeError
    platform_record.record("account.recovery_code_used", actor=user, target=user.pk)


@transaction.atomic
def remove(user: User, authenticator_id: str) -> None:
    """Raises AuthenticatorNotFoundError. With the last one go the recovery codes."""
    removed, _ = Authenticator.objects.filter(user=user, pk=authenticator_id).delete()
    if not removed:
        raise AuthenticatorNotFoundError(authenticator_id)
    if not Authenticator.objects.filter(user=user, confirmed_at__isnull=False).exists():
        RecoveryCode.objects.filter(user=user).delete()
    platform_record.record("account.second_factor_removed", actor=user, target=user.pk)


def forget_all(user: User) -> int:
    """For a person who lost everything, by an operator. How many there were."""
    with transaction.atomic():
        RecoveryCode.objects.filter(user=user).delete()
        removed, _ = Authenticator.objects.filter(user=user).delete()
        platform_record.record("account.second_factors_forgotten", actor=None, target=user.pk)
    return removed


def _use(app: Authenticator, code: str, *, now: datetime | None = None) -> bool:
    """Whether it is the code of now, or of the step before or after, and was not used."""
    code = "".join(code.split())
    if not (code.isascii() and code.isdigit() and len(code) == 6):
        return False
    totp = pyotp.TOTP(_secret(app))
    step = int((now or timezone.now()).timestamp()) // STEP_SECONDS
    for candidate in (step, step - 1, step + 1):
        if secrets.compare_digest(totp.generate_otp(candidate), code):
            fresh = Authenticator.objects.filter(pk=app.pk, counter__lt=candidate)
            return bool(fresh.update(counter=candidate, used_at=timezone.now()))
    return False


def _secret(app: Authenticator) -> str:
    return platform_keys.unseal(bytes(app.sealed), table=_TABLE, column="sealed", row=app.pk).decode()


def _new_code() -> str:
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, 16, 4))


def _digest(code: str) -> str:
    plain = "".join(character for character in code.lower() if character.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()
