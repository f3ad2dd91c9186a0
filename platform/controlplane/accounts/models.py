"""A person. Users belong to no tenant: memberships join them to any number of tenants."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.base_session import BaseSessionManager as FrameworkSessionManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from tenants.fields import IdField
from tenants.identifiers import ID_LENGTH
from tenants.models import Membership, TenantModel


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A saved user. Without a password none matches until the user sets one."""
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.full_clean()
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        """Who signs in with a password. The case of an address does not matter."""
        return self.get(email=(username or "").lower(), home="")


class User(AbstractBaseUser):
    """Addresses are kept in lower case, so that the same mailbox cannot have two accounts.

    An account that a tenant's identity provider vouches for has that tenant as its `home`: it has no password and can
    belong nowhere else, so no provider can ever speak for anyone outside its own tenant.
    """

    id = IdField("usr")
    email = models.EmailField()
    name = models.CharField(max_length=150, blank=True)
    home = models.CharField(max_length=ID_LENGTH, blank=True, default="", db_index=True, editable=False)
    """The tenant whose provider vouches for it; empty for accounts of the platform itself."""
    email_verified_at = models.DateTimeField(null=True, blank=True)
    is_active = models.BooleanField(default=True)
    is_platform_admin = models.BooleanField(default=False)
    """May look after the installation: its tenants, their limits and their end. Gives no place in any tenant."""
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(email=Lower("email")), name="accounts_user_email_lower"),
            models.UniqueConstraint(
                fields=["email"],
                condition=models.Q(home=""),
                name="accounts_user_email_once",
                violation_error_message="This address has an account.",
            ),
            models.CheckConstraint(
                condition=models.Q(home="") | models.Q(is_platform_admin=False), name="accounts_user_admin_at_home"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def clean_fields(self, exclude: Any = None) -> None:
        self.email = self.email.strip().lower()
        super().clean_fields(exclude=exclude)

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.email = self.email.strip().lower()
        super().save(*args, **kwargs)


class SignInAttempts(models.Model):
    """How often something was tried within a window. `throttling` counts and forgets."""

    key = models.CharField(primary_key=True, max_length=64)
    count = models.PositiveIntegerField()
    since = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.count} since {self.since}"


class SessionManager(FrameworkSessionManager["Session"]):
    """Django's, for the model below."""


class Session(AbstractBaseSession):
    """A browser that is signed in, or about to be. `sessions` fills the columns from what the session holds."""

    id = models.CharField(max_length=ID_LENGTH, blank=True, default="", db_index=True, editable=False)
    """What a person names it by; empty before anybody signed in. The key itself is the cookie and is never shown.
    Not unique: while a session changes its key it has two rows."""
    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")
    method = models.CharField(max_length=16, blank=True)
    address = models.CharField(max_length=64, blank=True)
    program = models.CharField(max_length=300, blank=True)
    """The browser, as it calls itself."""
    started_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[SessionManager] = SessionManager()

    @classmethod
    def get_session_store_class(cls) -> Any:
        from controlplane.accounts.sessions import SessionStore

        return SessionStore

    def __str__(self) -> str:
        return self.id or "nobody's"


class Authenticator(models.Model):
    """A second factor of a person: an app that shows codes, or a passkey."""

    class Kind(models.TextChoices):
        TOTP = "totp", "Authenticator app"
        PASSKEY = "passkey", "Passkey"

    id = IdField("aut")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="authenticators")
    kind = models.CharField(max_length=16, choices=Kind.choices)
    name = models.CharField(max_length=100)
    sealed = models.BinaryField(default=b"")
    """An app's secret, sealed under the installation's key."""
    credential_id = models.BinaryField(null=True, unique=True)
    public_key = models.BinaryField(default=b"")
    counter = models.BigIntegerField(default=0)
    """Of an app the last time step that was used, of a passkey its signature counter: neither may be used again."""
    confirmed_at = models.DateTimeField(null=True)
    """Null until the person showed that it works; until then it is not asked for."""
    used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"], condition=models.Q(kind="totp"), name="accounts_authenticator_one_app"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RecoveryCode(models.Model):
    """A code on paper, good once in place of a second factor. Only its digest is kept."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "digest"], name="accounts_recovery_code_once"),
        ]

    def __str__(self) -> str:
        return f"of {self.user_id}"


class Identity(TenantModel):
    """Who a tenant's provider says somebody is. An account is found by issuer and subject, never by its address."""

    id = IdField("idn")
    issuer = models.CharField(max_length=500)
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["tenant", "issuer", "subject"], name="accounts_identity_once"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.issuer}"


class Invitation(TenantModel):
    """A place in a tenant that is waiting for somebody. Its link is known by a digest only."""

    id = IdField("inv")
    email = models.EmailField(blank=True)
    """Whom it is for; empty for whoever has the link."""
    role = models.CharField(max_length=16, choices=Membership.Role.choices)
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=255, blank=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.email or 'anyone'} as {self.role}"


class PlatformEvent(models.Model):
    """What was done to the installation and its tenants: kept when a tenant and its own record are gone."""

    id = IdField("evt")
    at = models.DateTimeField(default=timezone.now, editable=False)
    action = models.CharField(max_length=100)
    actor = models.CharField(max_length=ID_LENGTH, blank=True)
    """The person; empty for whoever runs commands on the machine."""
    target = models.CharField(max_length=255)
    detail = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.action} on {self.target}"
