"""What the pages' script asks while a passkey is made or shown: GET gives the question, POST takes the answer."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlplane.accounts import passkeys, proofs, sessions, signing_in
from controlplane.accounts.errors import PasskeyError
from controlplane.accounts.models import User
from controlplane.accounts.throttling import SIGN_IN
from controlplane.dashboard.people.throttled import too_many


@require_http_methods(["GET", "POST"])
def sign_in_with_passkey(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return JsonResponse(passkeys.ask(request))
    refused = too_many(request, "passkey", SIGN_IN)
    if refused is not None:
        return JsonResponse({"error": "Too many attempts. Try again later."}, status=429)
    try:
        user = passkeys.check(request, request.body)
    except PasskeyError as error:
        return JsonResponse({"error": str(error)}, status=400)
    where = signing_in.sign_in(request, user, method="passkey", next_url=request.GET.get("next", ""))
    return JsonResponse({"next": where})


@require_http_methods(["GET", "POST"])
@login_required
def add_passkey(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    if user.home:
        return JsonResponse({"error": "Your tenant's identity provider signs you in."}, status=403)
    if not proofs.is_fresh(request):
        return JsonResponse({"error": "Confirm that it is you first: reload the page."}, status=403)
    if request.method == "GET":
        return JsonResponse(passkeys.offer(request, user))
    try:
        codes = passkeys.add(request, user, request.body, name=request.GET.get("name", ""))
    except PasskeyError as error:
        return JsonResponse({"error": str(error)}, status=400)
    sessions.end_sessions(user, but=request.session.session_key)
    if not codes:
        messages.success(request, "Added.")
    return JsonResponse({"codes": codes, "next": reverse("factors")})
