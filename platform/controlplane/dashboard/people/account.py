"""One's own account: name, password, sessions, address."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import PasswordChangeForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from controlplane.accounts import by_mail, mail, tasks
from controlplane.accounts import sessions as browsers
from controlplane.accounts.errors import InvitationNotFoundError, SessionNotFoundError
from controlplane.accounts.models import User
from controlplane.accounts.platform_record import record
from controlplane.accounts.signing_in import has_second_factor
from controlplane.accounts.throttling import RECOVERY, SIGN_IN
from controlplane.dashboard.people.throttled import too_many
from tenants import lookups


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """POST changes the name, or asks for a mail that proves the address."""
    user = cast("User", request.user)
    if request.method == "POST" and "verify" in request.POST:
        refused = too_many(request, user.pk, RECOVERY)
        if refused is not None:
            return refused
        if mail.is_possible():
            tasks.send_verification.delay(user_id=user.pk)
            messages.success(request, f"We sent a mail to {user.email}.")
        return redirect("account")
    if request.method == "POST":
        user.name = request.POST.get("name", "").strip()[:150]
        user.save(update_fields=["name"])
        messages.success(request, "Saved.")
        return redirect("account")
    context = {
        "places": [place for place in lookups.tenants_of_user(user.pk) if place.tenant.active],
        "second_factor": has_second_factor(user),
        "mail": mail.is_possible(),
    }
    return render(request, "people/account.html", context)


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def password(request: HttpRequest) -> HttpResponse:
    """A new password signs out every other browser."""
    user = cast("User", request.user)
    if user.home:
        raise Http404
    if request.method == "POST":
        refused = too_many(request, user.email, SIGN_IN)  # the old one could be guessed here
        if refused is not None:
            return refused
    form = PasswordChangeForm(user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        update_session_auth_hash(request, user)
        browsers.end_sessions(user, but=request.session.session_key)
        record("account.password_changed", actor=user, target=user.pk)
        messages.success(request, "Your password is changed. Other browsers are signed out.")
        return redirect("account")
    context = {"form": form, "title": "Change your password", "text": "", "button": "Change it"}
    return render(request, "people/form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def sessions(request: HttpRequest) -> HttpResponse:
    """POST ends the one that the button names, or all others."""
    user = cast("User", request.user)
    if request.method == "POST":
        if "others" in request.POST:
            browsers.end_sessions(user, but=request.session.session_key)
        else:
            try:
                browsers.end_session(user, request.POST.get("session", ""))
            except SessionNotFoundError as error:
                raise Http404 from error
        messages.success(request, "Signed out there.")
        return redirect("sessions")
    context = {"rows": browsers.sessions_of(user), "current": browsers.current_id(request)}
    return render(request, "people/sessions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def verify(request: HttpRequest, token: str) -> HttpResponse:
    """Confirming takes a click here: programs that look at mails open links."""
    if request.method == "POST":
        try:
            by_mail.verify(token, cast("User", request.user))
        except InvitationNotFoundError:
            return render(request, "people/gone.html", status=404)
        messages.success(request, "Your address is confirmed.")
        return redirect("account")
    context = {"form": None, "title": "Confirm your address", "text": "", "button": "Confirm it"}
    return render(request, "people/form.html", context)
