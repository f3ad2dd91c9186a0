"""The sign-in page, throttled."""

from __future__ import annotations

import logging
from datetime import timedelta
from math import ceil
from typing import Any

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from controlplane.accounts import by_mail, throttling
from controlplane.accounts.passkeys import possible_at
from controlplane.accounts.signing_in import sign_in

log = logging.getLogger(__name__)


class SignIn(LoginView):
    template_name = "dashboard/sign_in.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        more = {"passkeys": possible_at(self.request), "sign_up": by_mail.sign_up_is_open()}
        return super().get_context_data(**kwargs) | more

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wait = throttling.take(*_who(request))
        if wait is not None:
            return self._too_many(wait)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        throttling.forget(*_who(self.request))
        user = form.get_user()
        return redirect(sign_in(self.request, user, method="password", next_url=_next(self.request)))

    def _too_many(self, wait: timedelta) -> HttpResponse:
        """Before the password is looked at: whether it was right is not told."""
        log.warning("Sign-in refused: too many attempts.")
        seconds = ceil(wait.total_seconds())
        form = self.get_form_class()(self.request)
        context = self.get_context_data(form=form, wait_minutes=ceil(seconds / 60))
        answer: HttpResponseBase = self.render_to_response(context, status=429, headers={"Retry-After": str(seconds)})
        assert isinstance(answer, HttpResponse)
        return answer


def _who(request: HttpRequest) -> tuple[str, str]:
    """Behind a proxy, uvicorn puts the client's own address here when it is told which proxies to trust."""
    return request.POST.get("username", "")[:254], request.META.get("REMOTE_ADDR", "")


def _next(request: HttpRequest) -> str:
    """From the form, or from the address that the form was posted to."""
    return request.POST.get("next") or request.GET.get("next", "")
