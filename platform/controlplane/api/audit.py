"""The audit record: looked through page by page, or exported."""

from __future__ import annotations

from typing import Any, ClassVar
from urllib.parse import urlencode

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.api.paging import MAX_CURSOR, cursor_after, position_in
from controlplane.audit import services as audit
from controlplane.audit.exports import AT_ONCE, COLUMNS, FORMATS, export
from controlplane.audit.models import Entry
from controlplane.audit.services import Filter


class EntrySerializer(serializers.ModelSerializer[Entry]):
    class Meta:
        model = Entry
        fields = COLUMNS
        read_only_fields = fields


class EntriesSerializer(serializers.Serializer[Any]):
    entries = EntrySerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True, help_text="Null on the last page.")


class AuditQuerySerializer(serializers.Serializer[Any]):
    action = serializers.CharField(
        default="", max_length=100, help_text="`key.revoked`, or `key.` for all that begin so."
    )
    actor = serializers.CharField(default="", max_length=255)
    target = serializers.CharField(default="", max_length=255)
    request_id = serializers.CharField(default="", max_length=64)
    since = serializers.DateTimeField(default=None, allow_null=True)
    until = serializers.DateTimeField(default=None, allow_null=True)
    cursor = serializers.CharField(default="", max_length=MAX_CURSOR)
    limit = serializers.IntegerField(default=100, min_value=1, max_value=AT_ONCE)


class ExportQuerySerializer(AuditQuerySerializer):
    limit = serializers.IntegerField(default=AT_ONCE, min_value=1, max_value=AT_ONCE)
    type = serializers.ChoiceField(FORMATS, default="jsonl")


class AuditView(TenantView):
    permissions: ClassVar = {"get": "audit:read"}

    def page(self, wanted: dict[str, Any]) -> tuple[list[Entry], str | None]:
        """The entries asked for, and the cursor behind them."""
        cursor, limit = wanted.pop("cursor"), wanted.pop("limit")
        below = position_in(cursor) if cursor else ""
        rows = list(audit.entries(Filter(**wanted), acting=self.principal, below=below)[: limit + 1])
        more = len(rows) > limit
        return rows[:limit], cursor_after(rows[limit - 1].id) if more else None


class Audit(AuditView):
    @extend_schema(operation_id="audit_list", parameters=[AuditQuerySerializer], responses=EntriesSerializer)
    def get(self, request: Request) -> Response:
        """Who did what, newest first."""
        asked = AuditQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        rows, following = self.page(dict(asked.validated_data))
        return Response(EntriesSerializer({"entries": rows, "next_cursor": following}).data)


class AuditExport(AuditView):
    @extend_schema(
        operation_id="audit_export",
        parameters=[
            ExportQuerySerializer,
            OpenApiParameter("Link", OpenApiTypes.STR, OpenApiParameter.HEADER, response=True),
        ],
        responses={
            (200, "application/jsonl"): OpenApiResponse(OpenApiTypes.STR),
            (200, "text/csv"): OpenApiResponse(OpenApiTypes.STR),
        },
    )
    def get(self, request: Request) -> HttpResponse:
        """As JSON lines or CSV, newest first. The Link header leads to the next part (RFC 8288), if there is one."""
        asked = ExportQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = dict(asked.validated_data)
        form = wanted.pop("type")
        rows, following = self.page(wanted)
        made = export(rows, form)
        headers = {"Content-Disposition": made.disposition}
        if following is not None:
            query = urlencode({**request.query_params.dict(), "cursor": following})
            headers["Link"] = f'<{request.path}?{query}>; rel="next"'
        return HttpResponse(made.body, content_type=made.content_type, headers=headers)
