"""What was called: the record of requests, and the last hour in numbers."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.calls import services
from controlplane.calls.models import Call

ON_A_PAGE = 100


class CallSerializer(serializers.ModelSerializer[Call]):
    ms = serializers.FloatField(help_text="From the first header to the last byte of the answer, in milliseconds.")

    class Meta:
        model = Call
        fields: tuple[str, ...] = (
            "id",
            "request_id",
            "at",
            "endpoint",
            "subject",
            "protocol",
            "method",
            "name",
            "credential",
            "status",
            "outcome",
            "ms",
        )
        read_only_fields = fields


class CallsQuerySerializer(serializers.Serializer[Any]):
    before = serializers.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, help_text="Those older than the call with this id."
    )
    limit = serializers.IntegerField(required=False, default=ON_A_PAGE, min_value=1, max_value=500)
    endpoint = serializers.CharField(required=False, max_length=50)
    name = serializers.CharField(required=False, max_length=2_048, help_text="Of a tool, prompt or resource.")
    method = serializers.CharField(required=False, max_length=64)
    subject = serializers.CharField(required=False, max_length=255, help_text="Who called: `usr_…` or `key_…`.")
    outcome = serializers.CharField(required=False, max_length=64, help_text="`failed` is every one but `ok`.")
    request_id = serializers.CharField(required=False, max_length=40)


class MinuteSerializer(serializers.Serializer[Any]):
    at = serializers.DateTimeField()
    calls = serializers.IntegerField()
    failed = serializers.IntegerField()


class OverviewSerializer(serializers.Serializer[Any]):
    """The last hour."""

    calls = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Tools' own errors, refusals, and callers who hung up.")
    p50 = serializers.FloatField(allow_null=True, help_text="Milliseconds.")
    p95 = serializers.FloatField(allow_null=True, help_text="Milliseconds.")
    minutes = MinuteSerializer(many=True, help_text="60, the oldest first.")


class Calls(TenantView):
    permissions: ClassVar = {"get": "calls:read"}

    @extend_schema(
        operation_id="calls_list",
        parameters=[CallsQuerySerializer, OpenApiParameter("tenant", str, OpenApiParameter.PATH)],
        responses=CallSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Requests that endpoints served, the newest first."""
        query = CallsQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked: dict[str, Any] = dict(query.validated_data)
        before, limit = asked.pop("before", None), asked.pop("limit")
        found = services.calls(asked, before=before, limit=limit, acting=self.principal)
        return Response(CallSerializer(found, many=True).data)


class Overview(TenantView):
    permissions: ClassVar = {"get": "calls:read"}

    @extend_schema(operation_id="calls_overview", responses=OverviewSerializer)
    def get(self, request: Request) -> Response:
        """How many there were in the last hour, how many failed, and how long they took."""
        return Response(OverviewSerializer(services.overview(acting=self.principal)).data)
