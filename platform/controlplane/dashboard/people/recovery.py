"""A forgotten password: asking for a link, and setting a new one with it."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.views import PasswordResetConfirmView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.http import require_http_methods

from controlplane.accounts import mail, sessions, tasks
from controlplane.accounts.models import User
from controlplane.accounts.platform_record import record
from controlplane.accounts.throttling import RECOVERY
from controlplane.dashboard.people.forms import EmailForm
from controlplane.dashboard.people.throttled import too_many


@require_http_methods(["GET", "HEAD", "POST"])
def recover(request: HttpRequest) -> HttpResponse:
    """The same answer, at the same speed, whether the address has an account or not."""
    form = EmailForm(request.POST or None)
    if request.method == "POST" and mail.is_possible() and form.is_valid():
        email = form.cleaned_data["email"]
        refused = too_many(request, email, RECOVERY)
        if refused is not None:
            return refused
        tasks.send_recovery.delay(email=email)
        messages.success(request, f"If {email} has an account, a mail with a link is on its way.")
        return redirect("login")
    return render(request, "people/recover.html", {"form": form, "possible": mail.is_possible()})


class SetPassword(PasswordResetConfirmView):
    """The link's page. Whoever was signed in with the old password is signed out everywhere."""

    template_name = "dashboard/set_password.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: object) -> HttpResponse:
        answer = super().form_valid(form)  # type: ignore[arg-type]
        user = cast("User", self.user)
        sessions.end_sessions(user)
        record("account.password_set", actor=user, target=user.pk)
        messages.success(self.request, "Your password is set. Sign in with it.")
        return answer
