"""Mails to people. Without STOA_SMTP_URL none are sent, and whatever needs them says so."""

from __future__ import annotations

import logging
from smtplib import SMTPException

from django.conf import settings
from django.core.mail import EmailMessage

log = logging.getLogger(__name__)


def is_possible() -> bool:
    return bool(settings.STOA_MAIL)


def send(to: str, subject: str, *paragraphs: str) -> bool:
    """Whether the mail server took it."""
    if not is_possible():
        return False
    message = EmailMessage(subject, "\n\n".join([*paragraphs, f"Stoa, at {settings.STOA_PUBLIC_URL}"]) + "\n", to=[to])
    try:
        return message.send() == 1
    except (SMTPException, OSError) as error:
        log.warning("A mail was not sent: %s.", type(error).__name__)
        return False
