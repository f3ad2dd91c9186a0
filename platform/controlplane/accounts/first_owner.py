"""The first person of an installation: whoever has the link that its operator printed. There is no default password.

The link is signed, good for a day, and for as long as nobody can sign in: using it is what ends it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.core import signing
from django.db import connection, transaction
from django.urls import reverse

from controlplane.accounts import tenancy
from controlplane.accounts.errors import InvitationNotFoundError
from controlplane.accounts.models import User
from controlplane.accounts.platform_record import record
from controlplane.accounts.services import add_member, create_user, open_tenant
from tenants import lookups
from tenants.context import acting_for

LIFE: Final = timedelta(days=1)
_SALT: Final = "stoa.first-owner"
_LOCK: Final = 7_263_001
"""Of PostgreSQL's advisory locks, the one under which the first person is made."""


def is_awaited() -> bool:
    """Whether nobody can sign in yet. People of tenants' providers come later than that."""
    return not User.objects.filter(home="").exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX).exists()


def link() -> str:
    """An address for the first person's browser."""
    return settings.STOA_PUBLIC_URL + reverse("welcome", args=(signing.dumps("welcome", salt=_SALT),))


def is_valid(token: str) -> bool:
    try:
        signing.loads(token, salt=_SALT, max_age=LIFE)
    except signing.BadSignature:
        return False
    return is_awaited()


def needs_tenant() -> bool:
    """Whether there is no tenant yet, so that the first person has to name one."""
    return not lookups.all_tenant_ids()


@transaction.atomic
def create(token: str, *, email: str, password: str, name: str = "", slug: str = "") -> User:
    """The platform's first administrator, and the owner of each tenant whose owners cannot sign in.

    Raises InvitationNotFoundError for a link that is no longer good, django's ValidationError, and what `open_tenant`
    does when there is no tenant yet.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])  # two people with the link: one is the first
    if not is_valid(token):
        raise InvitationNotFoundError
    user = User.objects.filter(email=email.strip().lower(), home="").first()
    if user is None:
        user = create_user(email, password=password, name=name)
    else:  # a placeholder, such as the demo's owner: nobody can sign in with it
        user.set_password(password)
        user.name = name or user.name
    user.is_platform_admin = True
    user.save()
    record("installation.first_owner", actor=user, target=user.pk)
    if needs_tenant():
        open_tenant(slug, owner=user)
    for tenant_id in tenancy.without_owner():
        with acting_for(tenant_id):
            add_member(user, "owner", acting=None)
    return user
