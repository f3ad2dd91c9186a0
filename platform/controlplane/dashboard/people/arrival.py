"""Coming in for the first time: the installation's first person, and who signs up."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from controlplane.accounts import by_mail, first_owner, tasks
from controlplane.accounts.errors import InvitationNotFoundError, SignUpClosedError
from controlplane.accounts.signing_in import sign_in
from controlplane.accounts.throttling import SIGN_UP
from controlplane.dashboard.people.forms import EmailForm, FirstOwnerForm, NewPersonForm
from controlplane.dashboard.people.throttled import too_many
from tenants.services import InvalidSlugError, SlugTakenError


@require_safe
def awaited(request: HttpRequest) -> HttpResponse:
    """How the first person gets in, as long as there is none; asked by `stoa up` too."""
    if not first_owner.is_awaited():
        raise Http404
    return render(request, "people/awaited.html")


@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest, token: str) -> HttpResponse:
    if not first_owner.is_valid(token):
        return render(request, "people/gone.html", status=404)
    form = FirstOwnerForm(request.POST or None, needs_tenant=first_owner.needs_tenant())
    if request.method == "POST" and form.is_valid():
        try:
            user = first_owner.create(token, **form.cleaned_data)
        except InvitationNotFoundError:
            return render(request, "people/gone.html", status=404)
        except (InvalidSlugError, SlugTakenError) as error:
            form.add_error("slug", str(error))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            return redirect(sign_in(request, user, method="link"))
    return _form(request, form, "Welcome", "Make the account that owns this installation.", "Make the account")


@require_http_methods(["GET", "HEAD", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """The same answer whether the address has an account or not; the mail says more."""
    if not by_mail.sign_up_is_open():
        raise Http404
    form = EmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        refused = too_many(request, email, SIGN_UP)
        if refused is not None:
            return refused
        tasks.send_sign_up.delay(email=email)
        messages.success(request, f"We sent a mail to {email}. Open the link in it within a day.")
        return redirect("login")
    return _form(request, form, "Sign up", "We send you a link to make your account with.", "Send the link")


@require_http_methods(["GET", "HEAD", "POST"])
def sign_up_finish(request: HttpRequest, token: str) -> HttpResponse:
    try:
        form = NewPersonForm(request.POST or None, email=by_mail.signing_up(token))
        if request.method == "POST" and form.is_valid():
            user = by_mail.sign_up(token, password=form.cleaned_data["password"], name=form.cleaned_data["name"])
            return redirect(sign_in(request, user, method="link"))
    except SignUpClosedError as error:
        raise Http404 from error
    except InvitationNotFoundError:
        return render(request, "people/gone.html", status=404)
    return _form(request, form, "Make your account", "", "Make the account")


def _form(request: HttpRequest, form: object, title: str, text: str, button: str) -> HttpResponse:
    context = {"form": form, "title": title, "text": text, "button": button}
    return render(request, "people/form.html", context)
