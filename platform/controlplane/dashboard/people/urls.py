"""Their routes."""

from __future__ import annotations

from django.urls import path

from controlplane.dashboard.people import (
    account,
    arrival,
    confirming,
    factors,
    installation,
    joining,
    members,
    passkeys,
    recovery,
    tenant_settings,
)
from controlplane.registry import converters  # noqa: F401 - registers `name`

urlpatterns = [
    path("welcome/", arrival.awaited, name="awaited"),
    path("welcome/<str:token>/", arrival.welcome, name="welcome"),
    path("sign-up/", arrival.sign_up, name="sign_up"),
    path("sign-up/<str:token>/", arrival.sign_up_finish, name="sign_up_finish"),
    path("join/<name:slug>/<str:secret>/", joining.join, name="join"),
    path("login/second-factor/", factors.second_factor, name="second_factor"),
    path("login/passkey/", passkeys.sign_in_with_passkey, name="passkey_sign_in"),
    path("confirm/", confirming.confirm, name="confirm"),
    path("confirm/passkey/", confirming.confirm_with_passkey, name="confirm_with_passkey"),
    path("recover/", recovery.recover, name="recover"),
    path("password/<uidb64>/<token>/", recovery.SetPassword.as_view(), name="set_password"),
    path("account/", account.account, name="account"),
    path("account/password/", account.password, name="change_password"),
    path("account/sessions/", account.sessions, name="sessions"),
    path("account/second-factor/", factors.factors, name="factors"),
    path("account/second-factor/app/", factors.app, name="add_app"),
    path("account/second-factor/codes/", factors.codes, name="recovery_codes"),
    path("account/second-factor/passkey/", passkeys.add_passkey, name="add_passkey"),
    path("account/verify/<str:token>/", account.verify, name="verify_email"),
    path("tenants/<name:tenant>/members/", members.members, name="members"),
    path("tenants/<name:tenant>/leave/", members.leave, name="leave"),
    path("tenants/<name:tenant>/settings/", tenant_settings.settings, name="tenant_settings"),
    path("tenants/<name:tenant>/delete/", tenant_settings.delete, name="delete_tenant"),
    path("installation/", installation.tenants, name="installation"),
    path("installation/<name:slug>/", installation.tenant, name="installation_tenant"),
]
