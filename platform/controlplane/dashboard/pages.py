"""What every page of a tenant shares: who may see it, who may change something on it, and how a refusal looks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlplane.accounts.models import User
from controlplane.accounts.services import principal_of
from controlplane.audit.context import serving
from controlplane.composition import errors as composition
from controlplane.connections.errors import NoUpstreamLogin, UpstreamLoginFailed
from controlplane.issuer.errors import ClientNotFoundError, InvalidClientError
from controlplane.keys.services import InvalidKeyError, KeyNotFoundError
from controlplane.registry import errors as registry
from controlplane.vault.services import InvalidSecretError, SecretNotFoundError
from mcp_runtime.sandbox.bundle import BundleError
from tenants.context import acting_for
from tenants.identifiers import new_id
from tenants.principal import Principal
from tenants.quotas import QuotaExceededError
from tenants.roles import NotPermittedError, permits

P = ParamSpec("P")

ABSENT: tuple[type[Exception], ...] = (
    registry.ServerNotFound,
    registry.RevisionNotFound,
    composition.EndpointNotFound,
    composition.VersionNotFound,
    SecretNotFoundError,
    KeyNotFoundError,
    ClientNotFoundError,
    NoUpstreamLogin,
)
REFUSALS: tuple[type[Exception], ...] = (
    registry.RegistryError,
    registry.BuildFailure,
    composition.CompositionError,
    BundleError,
    InvalidSecretError,
    InvalidKeyError,
    InvalidClientError,
    UpstreamLoginFailed,
    QuotaExceededError,
)
"""What a person can mend: told on the page that they came from. Nothing was changed."""


class PageRequest(HttpRequest):
    """A request by somebody whom the page is for."""

    principal: Principal


View = Callable[Concatenate[PageRequest, str, P], HttpResponse]
Page = Callable[..., HttpResponse]


def page(
    read: str, *, write: str | None = None, waits: bool = False, back: str = ""
) -> Callable[[View[P]], Callable[..., HttpResponse]]:
    """A page of one tenant, for members whose role has the permission `read`; for everyone else it does not exist.

    With `write` it takes POST too, for who has that permission as well. The view runs inside `acting_for` the tenant,
    in one transaction; one that `waits` for others opens its own. A refusal of a POST becomes a message on the page.
    One that is only sent to, by a button, names the page of the button in `back`: who looks at it is led there.
    """
    methods = ["GET", "HEAD"] if write is None else ["GET", "HEAD", "POST"]

    def decorate(view: View[P]) -> Page:
        @require_http_methods(methods)
        @login_required
        @wraps(view)
        def admitted(request: HttpRequest, tenant: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            asked = _admitted(request, tenant, read, write)
            if back and request.method != "POST":
                return redirect(reverse(back, kwargs={"tenant": tenant, **kwargs}))
            try:
                with serving(new_id("req")):
                    if waits:
                        return view(asked, tenant, *args, **kwargs)
                    with acting_for(asked.principal.tenant):
                        return view(asked, tenant, *args, **kwargs)
            except ABSENT as error:
                raise Http404 from error
            except NotPermittedError as error:
                raise PermissionDenied from error
            except REFUSALS as error:
                if request.method != "POST":
                    raise
                messages.error(request, told(error))
                here = reverse(back, kwargs={"tenant": tenant, **kwargs}) if back else request.get_full_path()
                return redirect(here)

        return admitted

    return decorate


def told(error: Exception) -> str:
    """The fault and the remedy, in one line."""
    return f"{error} {getattr(error, 'hint', '')}".strip()


def done(request: PageRequest, message: str, url_name: str, **names: Any) -> HttpResponse:
    """Say what happened, on the page where one goes on."""
    messages.success(request, message)
    return redirect(url_name, **names)


def _admitted(request: HttpRequest, tenant: str, read: str, write: str | None) -> PageRequest:
    principal = principal_of(cast("User", request.user), tenant)
    if principal is None:
        raise Http404
    if not permits(principal, read) or (
        request.method == "POST" and write is not None and not permits(principal, write)
    ):
        raise PermissionDenied
    if any("\0" in value for form in (request.GET, request.POST) for _, values in form.lists() for value in values):
        raise BadRequest("No text here has a NUL character, which PostgreSQL keeps nowhere.")
    asked = cast("PageRequest", request)
    asked.principal = principal
    return asked
