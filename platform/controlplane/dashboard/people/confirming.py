"""Showing again who one is, before what cannot be undone or lets others in.

    @proven()
    @page("tenant:write", write="tenant:write")
    def security(...)

A POST to such a page by somebody whose last proof is older than ten minutes changes nothing: it leads to `/confirm/`,
which takes the password, a code, a passkey or a sign-in at the tenant's provider, and from there back to the page.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from controlplane.accounts import passkeys, proofs, second_factors, throttling
from controlplane.accounts.errors import PasskeyError, WrongCodeError
from controlplane.accounts.models import Authenticator, User
from controlplane.accounts.signing_in import safe_next
from controlplane.accounts.throttling import SECOND_FACTOR, SIGN_IN
from controlplane.dashboard.people.throttled import place_of, too_many

Page = Callable[..., HttpResponse]


def proven(*, back: str = "") -> Callable[[Page], Page]:
    """Stands above all other decorators of a page: what it changes needs a fresh proof. Looking at it needs none.

    One that is only sent to, by a button, names the page of the button in `back`.
    """

    def decorate(view: Page) -> Page:
        @wraps(view)
        def asked(request: HttpRequest, *args: Any, **names: Any) -> HttpResponse:
            if request.method == "POST" and request.user.is_authenticated and not proofs.is_fresh(request):
                return redirect(address(reverse(back) if back else request.get_full_path()))
            return view(request, *args, **names)

        asked.asks_for_proof = True  # type: ignore[attr-defined]  # a test compares these with a table
        return asked

    return decorate


def address(after: str) -> str:
    """Of the page that asks, and then leads on."""
    return f"{reverse('confirm')}?{urlencode({'next': after})}"


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def confirm(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    after = safe_next(request, request.POST.get("next") or request.GET.get("next", ""))
    problem = ""
    if request.method == "POST":
        by_code = "code" in request.POST
        who, gate = (user.pk, SECOND_FACTOR) if by_code else (user.email, SIGN_IN)
        refused = too_many(request, who, gate)
        if refused is not None:
            return refused
        problem = (_by_code if by_code else _by_password)(user, request)
        if not problem:
            throttling.forget(who, place_of(request), gate=gate)
            proofs.note(request)
            messages.success(request, "Thank you. For ten minutes you are not asked again.")
            return redirect(after)
    context = {
        "next": after,
        "problem": problem,
        "password": user.has_usable_password(),
        "app": _has(user, Authenticator.Kind.TOTP),
        "passkey": _has(user, Authenticator.Kind.PASSKEY) and passkeys.possible_at(request),
    }
    return render(request, "people/confirm.html", context, status=422 if problem else 200)


@require_http_methods(["GET", "POST"])
@login_required
def confirm_with_passkey(request: HttpRequest) -> HttpResponse:
    """For the page's script: GET gives the question, POST takes the answer."""
    if request.method == "GET":
        return JsonResponse(passkeys.ask(request))
    refused = too_many(request, "passkey", SIGN_IN)
    if refused is not None:
        return JsonResponse({"error": "Too many attempts. Try again later."}, status=429)
    try:
        if passkeys.check(request, request.body) != request.user:
            raise PasskeyError  # it is somebody else's
    except PasskeyError as error:
        return JsonResponse({"error": str(error)}, status=400)
    proofs.note(request)
    return JsonResponse({"next": safe_next(request, request.GET.get("next", ""))})


def _by_password(user: User, request: HttpRequest) -> str:
    """What is wrong with it; empty where it is right."""
    right = user.has_usable_password() and user.check_password(request.POST.get("password", ""))
    return "" if right else "This is not your password."


def _by_code(user: User, request: HttpRequest) -> str:
    try:
        second_factors.check(user, request.POST.get("code", "")[:100])
    except WrongCodeError as error:
        return str(error)
    return ""


def _has(user: User, kind: str) -> bool:
    return Authenticator.objects.filter(user=user, kind=kind, confirmed_at__isnull=False).exists()
