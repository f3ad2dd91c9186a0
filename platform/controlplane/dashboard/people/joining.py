"""Accepting an invitation: with the account one is signed in to, or with a new one."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from controlplane.accounts import invitations
from controlplane.accounts.errors import AccountsError, InvitationNotFoundError
from controlplane.accounts.models import User
from controlplane.accounts.signing_in import sign_in
from controlplane.accounts.throttling import SIGN_UP
from controlplane.audit.context import serving
from controlplane.dashboard.people.forms import NewPersonForm
from controlplane.dashboard.people.throttled import too_many
from tenants.identifiers import new_id
from tenants.quotas import QuotaExceededError


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest, slug: str, secret: str) -> HttpResponse:
    try:
        with serving(new_id("req")):
            offer = invitations.read(slug, secret)
            if isinstance(request.user, User):
                return _as(request, request.user, slug, secret, offer)
            return _as_new_person(request, slug, secret, offer)
    except InvitationNotFoundError:
        return render(request, "people/gone.html", status=404)


def _as(request: HttpRequest, user: User, slug: str, secret: str, offer: invitations.Offer) -> HttpResponse:
    if request.method == "POST":
        try:
            invitations.accept(slug, secret, user)
        except InvitationNotFoundError:
            raise
        except (AccountsError, QuotaExceededError) as error:
            messages.error(request, str(error))
            return redirect(request.path)
        messages.success(request, f"You are a member of {offer.tenant.name} now.")
        return redirect("home")
    return render(request, "people/join.html", {"offer": offer, "form": None})


def _as_new_person(request: HttpRequest, slug: str, secret: str, offer: invitations.Offer) -> HttpResponse:
    form = NewPersonForm(request.POST or None, email=offer.email)
    if request.method == "POST" and form.is_valid():
        refused = too_many(request, f"{slug} {secret}", SIGN_UP)
        if refused is not None:
            return refused
        try:
            user = invitations.accept_as_new_person(slug, secret, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        except QuotaExceededError as error:
            form.add_error(None, str(error))
        else:
            return redirect(sign_in(request, user, method="link"))
    return render(request, "people/join.html", {"offer": offer, "form": form})
