"""What every view of the API shares: who may, in which tenant, how often, and how errors look.

Also what every route offers by one mechanism: tags and If-Match (`conditions`), Idempotency-Key (`repeats`), limits
(`rates`), and dry runs: `?dry_run=true` does everything and then undoes it, so the answer is the real one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, cast

from django.db import transaction
from django.http import HttpRequest, HttpResponseBase
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.parsers import BaseParser, JSONParser
from rest_framework.permissions import SAFE_METHODS, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from controlplane.accounts import proofs
from controlplane.accounts.models import User
from controlplane.api import conditions, rates, repeats
from controlplane.api.access import KeyAuthentication, SessionAuthentication, caller_in, principal_in
from controlplane.api.parsing import StrictParser
from controlplane.api.problems import DryRunUnavailable, exception_handler
from controlplane.audit.context import serving
from tenants.context import acting_for
from tenants.identifiers import new_id
from tenants.principal import Principal
from tenants.roles import require


class View(APIView):
    """A view for whoever is signed in or shows a key."""

    authentication_classes: Sequence[type[BaseAuthentication]] = (KeyAuthentication, SessionAuthentication)
    permission_classes: Sequence[Any] = (IsAuthenticated,)
    request_id: str
    asks_for_proof: ClassVar[bool] = False
    """Whether who is signed in must have shown lately who they are to change it. A key is shown with each request."""
    rate: rates.Rate | None = None
    dry_run = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.asks_for_proof and request.method not in SAFE_METHODS and isinstance(request.user, User):
            proofs.require(request._request)
        self.rate = rates.take(str(request.user.pk or request.META.get("REMOTE_ADDR", "")))
        asked = request.query_params.get("dry_run", "").lower()
        self.dry_run = asked in ("true", "1") and request.method not in SAFE_METHODS
        if self.dry_run and not self.can_be_tried:
            raise DryRunUnavailable

    def get_parsers(self) -> list[BaseParser]:
        return [StrictParser() if isinstance(parser, JSONParser) else parser for parser in super().get_parsers()]

    @property
    def can_be_tried(self) -> bool:
        """Whether all that the handler does is in one transaction."""
        return False

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.request_id = new_id("req")
        with serving(self.request_id):
            response = super().dispatch(request, *args, **kwargs)
        response.headers["X-Request-Id"] = self.request_id
        for name, value in self.rate.headers.items() if self.rate else ():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response]:
        return exception_handler


class TenantView(View):
    """A view below `/tenants/<tenant>/`. Its methods run inside `acting_for` that tenant, and so in one transaction."""

    permissions: ClassVar[Mapping[str, str]]
    """The authorization matrix: each HTTP method and the permission it needs (`tenants.roles`). None is open."""

    principal: Principal

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        self.principal = principal_in(caller_in(request), kwargs["tenant"])
        method = (request.method or "").lower()
        if method == "options":
            return
        needed = self.permissions.get("get" if method == "head" else method)
        if needed is None:
            raise MethodNotAllowed(method.upper())
        require(self.principal, needed)
        # The framework looks the handler up on the instance right after this.
        setattr(self, method, partial(self._act, getattr(self, method)))

    @property
    def can_be_tried(self) -> bool:
        return type(self)._act is TenantView._act

    def _act(self, handler: Callable[..., Response], request: Request, *, tenant: str, **names: str) -> Response:
        """Runs the handler for the tenant. An exception undoes all it did before it becomes a problem."""
        with acting_for(self.principal.tenant):
            reader = getattr(self, "get", None)
            conditions.check(request, partial(reader, request, **names) if reader else None)
            response = repeats.once(request, self.principal, partial(handler, request, **names))
            if self.dry_run:
                transaction.set_rollback(True)
                response.headers["Dry-Run"] = "true"
            return cast("Response", conditions.tagged(request, response))
