"""The second factor: asking for it after the first, and setting it up."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.accounts import second_factors, sessions, signing_in, throttling
from controlplane.accounts.errors import AuthenticatorNotFoundError, WrongCodeError
from controlplane.accounts.models import Authenticator, RecoveryCode, User
from controlplane.accounts.passkeys import possible_at
from controlplane.accounts.throttling import SECOND_FACTOR
from controlplane.dashboard.people.confirming import proven
from controlplane.dashboard.people.forms import CodeForm
from controlplane.dashboard.people.throttled import place_of, too_many


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Between the first factor and the session."""
    pending = signing_in.pending(request)
    if pending is None:
        return redirect("login")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        refused = too_many(request, pending.user.pk, SECOND_FACTOR)
        if refused is not None:
            return refused
        try:
            second_factors.check(pending.user, form.cleaned_data["code"])
        except WrongCodeError as error:
            form.add_error("code", str(error))
        else:
            throttling.forget(pending.user.pk, place_of(request), gate=SECOND_FACTOR)
            where = signing_in.complete(request, pending.user, method=pending.method, next_url=pending.next_url)
            return redirect(where)
    passkey = _has(pending.user, Authenticator.Kind.PASSKEY) and possible_at(request)
    context = {
        "form": form,
        "app": _has(pending.user, Authenticator.Kind.TOTP),
        "passkey": passkey,
        "next": pending.next_url,
    }
    return render(request, "people/second_factor.html", context)


@proven()
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def factors(request: HttpRequest) -> HttpResponse:
    """What the person has. POST takes one away."""
    user = cast("User", request.user)
    if user.home:
        raise Http404
    if request.method == "POST":
        try:
            second_factors.remove(user, request.POST.get("authenticator", ""))
        except AuthenticatorNotFoundError as error:
            raise Http404 from error
        messages.success(request, "Removed.")
        return redirect("factors")
    context = {
        "rows": user.authenticators.filter(confirmed_at__isnull=False).order_by("created_at"),
        "has_app": _has(user, Authenticator.Kind.TOTP),
        "codes_left": RecoveryCode.objects.filter(user=user).count(),
        "passkeys_possible": possible_at(request),
    }
    return render(request, "people/factors.html", context)


@proven()
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def app(request: HttpRequest) -> HttpResponse:
    """Pair an authenticator app: the secret as a QR code and as text, then a code that shows it worked."""
    user = cast("User", request.user)
    if user.home or _has(user, Authenticator.Kind.TOTP):
        return redirect("factors")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        refused = too_many(request, user.pk, SECOND_FACTOR)
        if refused is not None:
            return refused
        try:
            codes = second_factors.confirm_app(user, form.cleaned_data["code"])
        except WrongCodeError as error:
            form.add_error("code", str(error))
        else:
            return shown(request, codes)
    secret = second_factors.offer_app(user)
    image = second_factors.qr_code(second_factors.app_address(user, secret))
    context = {"form": form, "secret": secret, "image": mark_safe(image)}  # noqa: S308 - segno's, of our own text
    return render(request, "people/add_app.html", context)


@proven(back="factors")
@require_POST
@login_required
def codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes in place of the old ones."""
    user = cast("User", request.user)
    if not signing_in.has_second_factor(user):
        return redirect("factors")
    return render(request, "people/codes.html", {"codes": second_factors.new_recovery_codes(user)})


def shown(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """A second factor was added: other browsers of the person, which never showed it, are signed out."""
    sessions.end_sessions(cast("User", request.user), but=request.session.session_key)
    if codes:
        return render(request, "people/codes.html", {"codes": codes})
    messages.success(request, "Added.")
    return redirect("factors")


def _has(user: User, kind: str) -> bool:
    return Authenticator.objects.filter(user=user, kind=kind, confirmed_at__isnull=False).exists()
