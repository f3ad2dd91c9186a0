"""`password_link ADDRESS`: a link with which a person sets their password. For operators, and for the first owner."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane.accounts.by_mail import password_link
from controlplane.accounts.models import User


class Command(BaseCommand):
    help = "Print a link with which a person sets their password. It works once, and for a day."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the person's address")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.filter(email=email.strip().lower(), home="", is_active=True).first()
        if user is None:
            raise CommandError(f"Nobody here has the address {email}.")
        self.stdout.write(password_link(user))
