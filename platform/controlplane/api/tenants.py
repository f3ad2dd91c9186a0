"""The caller, and addresses that are no routes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.accounts.models import User
from controlplane.api.access import caller_in
from controlplane.api.base import View
from controlplane.api.serializers import MeSerializer
from tenants import lookups
from tenants.context import acting_for
from tenants.models import Tenant
from tenants.roles import PERMISSIONS_OF


class Me(View):
    @extend_schema(operation_id="me", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Who the credential belongs to, and what it may do where."""
        caller = caller_in(request)
        if isinstance(caller, User):
            places = [
                _place(found.tenant.id, found.tenant.slug, found.tenant.name, found.role, PERMISSIONS_OF[found.role])
                for found in lookups.tenants_of_user(caller.pk)
                if found.tenant.active
            ]
            who: dict[str, object] = {"kind": "user", "id": caller.pk, "email": caller.email, "tenants": places}
        else:
            principal = caller.principal
            with acting_for(principal.tenant):
                tenant = Tenant.objects.get()
            role = next(iter(principal.roles), None)
            place = _place(tenant.id, tenant.slug, tenant.name, role, principal.scopes)
            kind = "user" if principal.kind == "user" else "api_key"
            who = {"kind": kind, "id": principal.subject, "email": None, "tenants": [place]}
        return Response(MeSerializer(who).data)


class NowhereView(View):
    """Any address below `/api/v1/` that is not a route. Answers as a problem, to members and strangers alike."""

    authentication_classes = ()
    permission_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound


def _place(tenant_id: str, slug: str, name: str, role: str | None, scopes: frozenset[str]) -> dict[str, object]:
    return {"id": tenant_id, "slug": slug, "name": name, "role": role, "scopes": sorted(scopes)}
