"""Named by AUTHENTICATION_BACKENDS."""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend


class Passwords(ModelBackend):
    """Accounts of the platform, by address and password: `UserManager.get_by_natural_key` leaves all others out.

    A class of its own, because Django's does not start where an address may occur twice in the table.
    """
