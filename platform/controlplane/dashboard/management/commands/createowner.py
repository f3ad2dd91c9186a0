"""`createowner`: the link with which the first person of an installation makes their account."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.accounts import first_owner


class Command(BaseCommand):
    help = "Print a link to make the first account with: it owns the installation. Good once, for a day."

    def handle(self, *args: Any, **options: Any) -> None:
        if not first_owner.is_awaited():
            raise CommandError(
                "Somebody can sign in here already, and can invite others. For a person who lost their password: "
                "password_link ADDRESS."
            )
        self.stdout.write(first_owner.link())
