"""What is proved by reading a mailbox: signing up, setting a forgotten password, having an address.

Asking for a mail says nothing about who has an account: the request only queues a task with the address, which then
finds nobody, or somebody. Links are signed and expire; opening one changes nothing, so that programs that look at
mails do no harm.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from controlplane.accounts import mail
from controlplane.accounts.errors import InvalidAccountError, InvitationNotFoundError, SignUpClosedError
from controlplane.accounts.models import User
from controlplane.accounts.platform_record import record
from controlplane.accounts.services import create_user

LIFE: Final = timedelta(days=1)
_SIGN_UP: Final = "stoa.sign-up"
_VERIFY: Final = "stoa.verify-email"


def password_link(user: User) -> str:
    """Where the person sets a password: works once, for a day."""
    token = default_token_generator.make_token(user)
    where = reverse("set_password", args=(urlsafe_base64_encode(force_bytes(user.pk)), token))
    return settings.STOA_PUBLIC_URL + where


def send_recovery(email: str) -> None:
    """A link to set a password, if the address has an account that can have one."""
    user = User.objects.filter(email=email.strip().lower(), home="", is_active=True).first()
    if user is not None:
        mail.send(
            user.email,
            "Set a new password",
            "Somebody asked for a new password for your account. To set one, open this within a day:",
            password_link(user),
            "If it was not you, do nothing: your password stays as it is.",
        )


def send_sign_up(email: str) -> None:
    """A link to make an account with; for an address that has one, the way to sign in."""
    email = email.strip().lower()
    if User.objects.filter(email=email, home="").exists():
        mail.send(
            email,
            "You have an account",
            "Somebody wants to sign up with your address, which has an account already. To sign in:",
            settings.STOA_PUBLIC_URL + reverse("login"),
        )
        return
    token = signing.dumps(email, salt=_SIGN_UP)
    mail.send(
        email,
        "Finish signing up",
        "To make your account, open this within a day:",
        settings.STOA_PUBLIC_URL + reverse("sign_up_finish", args=(token,)),
    )


def send_verification(user_id: str) -> None:
    user = User.objects.filter(pk=user_id, is_active=True).first()
    if user is not None:
        token = signing.dumps([user.pk, user.email], salt=_VERIFY)
        mail.send(
            user.email,
            "Confirm your address",
            "To confirm that this is your address, open this within a day:",
            settings.STOA_PUBLIC_URL + reverse("verify_email", args=(token,)),
        )


def sign_up_is_open() -> bool:
    return settings.STOA_SIGN_UP == "open"


def checked(email: str) -> str:
    """The address as it is kept. Raises InvalidAccountError."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise InvalidAccountError("Give an e-mail address, such as you@example.com.") from None
    return email


def signing_up(token: str) -> str:
    """The address that a sign-up link was sent to. Raises SignUpClosedError, InvitationNotFoundError."""
    if not sign_up_is_open():
        raise SignUpClosedError
    email = _opened(token, _SIGN_UP)
    if not isinstance(email, str) or User.objects.filter(email=email, home="").exists():
        raise InvitationNotFoundError
    return email


@transaction.atomic
def sign_up(token: str, *, password: str, name: str = "") -> User:
    """Raises as `signing_up`, and django's ValidationError."""
    user = create_user(signing_up(token), password=password, name=name)
    user.email_verified_at = timezone.now()
    user.save(update_fields=["email_verified_at"])
    record("account.created", actor=user, target=user.pk)
    return user


def verify(token: str, user: User) -> None:
    """The signed-in person has the address. Raises InvitationNotFoundError."""
    if _opened(token, _VERIFY) != [user.pk, user.email]:
        raise InvitationNotFoundError
    user.email_verified_at = timezone.now()
    user.save(update_fields=["email_verified_at"])


def _opened(token: str, salt: str) -> object:
    try:
        opened: object = signing.loads(token, salt=salt, max_age=LIFE)
    except signing.BadSignature:
        raise InvitationNotFoundError from None
    return opened
