"""`password_link ADDRESS`: a link with which a person sets their password. For operators, and for the first owner."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from controlplane.accounts.models import User


class Command(BaseCommand):
    help = "Print a link with which a person sets their password. It works once, and for three days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the person's address")

    def handle(self, *args: Any, email: str, **options: Any) -> None:
        user = User.objects.filter(email__iexact=email, is_active=True).first()
        if user is None:
            raise CommandError(f"Nobody here has the address {email}.")
        token = default_token_generator.make_token(user)
        where = reverse("set_password", args=(urlsafe_base64_encode(force_bytes(user.pk)), token))
        self.stdout.write(settings.STOA_PUBLIC_URL + where)
