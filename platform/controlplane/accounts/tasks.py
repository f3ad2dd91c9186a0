"""Celery tasks of accounts: mails. Delivered twice, a person gets the same link twice."""

from __future__ import annotations

from celery import shared_task

from controlplane.accounts import by_mail


@shared_task(name="accounts.send_recovery")
def send_recovery(*, email: str) -> None:
    """Takes the address and not an account's id: whether there is one is found out here, where nobody sees it."""
    by_mail.send_recovery(email)


@shared_task(name="accounts.send_sign_up")
def send_sign_up(*, email: str) -> None:
    by_mail.send_sign_up(email)


@shared_task(name="accounts.send_verification")
def send_verification(*, user_id: str) -> None:
    by_mail.send_verification(user_id)
