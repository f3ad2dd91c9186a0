"""Passkeys (Web Authentication Level 2): both factors at once, and nothing that could be typed into a wrong page.

The challenge is kept in the session and used once. The relying party is the host that the browser asked for, which
Django compared with ALLOWED_HOSTS; a bare IP address cannot be one.
"""

from __future__ import annotations

import ipaddress
import json
from typing import Any, Final
from urllib.parse import urlsplit

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from controlplane.accounts.errors import PasskeyError
from controlplane.accounts.models import Authenticator, User
from controlplane.accounts.second_factors import ISSUER, confirmed

MAX_BYTES: Final = 20_000
_CHALLENGE = "passkey_challenge"


def possible_at(request: HttpRequest) -> bool:
    """Whether browsers take passkeys at this address: they need a name, not an IP address."""
    try:
        ipaddress.ip_address(_relying_party(request).strip("[]"))
    except ValueError:
        return True
    return False


def offer(request: HttpRequest, user: User) -> dict[str, Any]:
    """What the browser needs to make a passkey for the person."""
    known = Authenticator.objects.filter(user=user, kind=Authenticator.Kind.PASSKEY)
    options = generate_registration_options(
        rp_id=_relying_party(request),
        rp_name=ISSUER,
        user_id=user.pk.encode(),
        user_name=user.email,
        user_display_name=user.name or user.email,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=bytes(one.credential_id or b"")) for one in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return _asked(request, options)


def add(request: HttpRequest, user: User, answer: bytes, *, name: str) -> list[str]:
    """Keep a passkey that a browser made; recovery codes when it is the first second factor. Raises PasskeyError."""
    challenge = _challenge(request)
    try:
        made = verify_registration_response(
            credential=_read(answer),
            expected_challenge=challenge,
            expected_rp_id=_relying_party(request),
            expected_origin=_origin(request),
            require_user_verification=True,
        )
    except WebAuthnException as error:
        raise PasskeyError from error
    with transaction.atomic():
        if Authenticator.objects.filter(credential_id=made.credential_id).exists():
            raise PasskeyError
        passkey = Authenticator.objects.create(
            user=user,
            kind=Authenticator.Kind.PASSKEY,
            name=name.strip()[:100] or "Passkey",
            credential_id=made.credential_id,
            public_key=made.credential_public_key,
            counter=made.sign_count,
        )
        return confirmed(user, passkey)


def ask(request: HttpRequest) -> dict[str, Any]:
    """What the browser needs to show a passkey, whoever's it is."""
    options = generate_authentication_options(
        rp_id=_relying_party(request), user_verification=UserVerificationRequirement.REQUIRED
    )
    return _asked(request, options)


def check(request: HttpRequest, answer: bytes) -> User:
    """Whose passkey was shown. Raises PasskeyError."""
    challenge = _challenge(request)
    credential = _read(answer)
    try:
        credential_id = base64url_to_bytes(str(credential.get("id", "")))
    except ValueError as error:
        raise PasskeyError from error
    with transaction.atomic():
        passkey = (
            Authenticator.objects.select_for_update(of=("self",))
            .select_related("user")
            .filter(credential_id=credential_id, confirmed_at__isnull=False, user__is_active=True)
            .first()
        )
        if passkey is None:
            raise PasskeyError
        try:
            shown = verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=_relying_party(request),
                expected_origin=_origin(request),
                credential_public_key=bytes(passkey.public_key),
                credential_current_sign_count=passkey.counter,
                require_user_verification=True,
            )
        except WebAuthnException as error:
            raise PasskeyError from error
        passkey.counter, passkey.used_at = shown.new_sign_count, timezone.now()
        passkey.save(update_fields=["counter", "used_at"])
    return passkey.user


def _asked(request: HttpRequest, options: Any) -> dict[str, Any]:
    request.session[_CHALLENGE] = bytes_to_base64url(options.challenge)
    asked: dict[str, Any] = json.loads(options_to_json(options))
    return asked


def _challenge(request: HttpRequest) -> bytes:
    """Used up, whatever the answer."""
    kept = request.session.pop(_CHALLENGE, None)
    if not isinstance(kept, str):
        raise PasskeyError
    return base64url_to_bytes(kept)


def _read(answer: bytes) -> dict[str, Any]:
    try:
        document = json.loads(answer[: MAX_BYTES + 1])
    except (ValueError, RecursionError) as error:
        raise PasskeyError from error
    if not isinstance(document, dict) or len(answer) > MAX_BYTES:
        raise PasskeyError
    return document


def _origin(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"


def _relying_party(request: HttpRequest) -> str:
    return urlsplit(_origin(request)).hostname or ""
