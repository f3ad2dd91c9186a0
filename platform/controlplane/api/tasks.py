"""Calls that go on in the background: what runs, how far it is, and how it ended. Never their arguments or results."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.tasks import services
from controlplane.tasks.models import Task
from tenants.identifiers import ID_LENGTH

ON_A_PAGE = 100
STATES = [*Task.State.values, services.UNFINISHED]


class TaskSerializer(serializers.ModelSerializer[Task]):
    asking = serializers.BooleanField(help_text="Whether its owner has questions to answer.")
    tool_error = serializers.BooleanField(help_text="Whether the tool's result says that it is an error.")
    retry = serializers.BooleanField(help_text="Whether it is begun again by itself when its worker dies.")
    crashes = serializers.IntegerField(help_text="Runs that were cut off.")
    quarantined = serializers.BooleanField(help_text="Whether it was given up because its runs were cut off.")
    retry_of = serializers.CharField(help_text="The ended task that this one does once more.")
    expires_at = serializers.DateTimeField(help_text="Until then it can be read.")

    class Meta:
        model = Task
        fields: tuple[str, ...] = (
            "id",
            "endpoint",
            "version",
            "method",
            "name",
            "subject",
            "request_id",
            "state",
            "asking",
            "status_message",
            "progress",
            "total",
            "tool_error",
            "retry",
            "crashes",
            "quarantined",
            "retry_of",
            "created_at",
            "updated_at",
            "finished_at",
            "expires_at",
        )
        read_only_fields = fields


class TasksQuerySerializer(serializers.Serializer[Any]):
    before = serializers.CharField(required=False, max_length=ID_LENGTH, help_text="Those older than this task.")
    limit = serializers.IntegerField(required=False, default=ON_A_PAGE, min_value=1, max_value=500)
    state = serializers.ChoiceField(STATES, required=False, help_text="`unfinished` is every one that is not over.")
    endpoint = serializers.CharField(required=False, max_length=50)
    name = serializers.CharField(required=False, max_length=2_048, help_text="Of the tool.")
    subject = serializers.CharField(required=False, max_length=255, help_text="Whose it is: `usr_…` or `key_…`.")


class Tasks(TenantView):
    permissions: ClassVar = {"get": "calls:read"}

    @extend_schema(
        operation_id="tasks_list",
        parameters=[TasksQuerySerializer, OpenApiParameter("tenant", str, OpenApiParameter.PATH)],
        responses=TaskSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """Tasks that can still be read, the newest first."""
        query = TasksQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked: dict[str, Any] = dict(query.validated_data)
        before, limit = asked.pop("before", None), asked.pop("limit")
        found = services.tasks(asked, before=before, limit=limit, acting=self.principal)
        return Response(TaskSerializer(found, many=True).data)


class TaskDetail(TenantView):
    permissions: ClassVar = {"get": "calls:read"}

    @extend_schema(operation_id="tasks_get", responses=TaskSerializer)
    def get(self, request: Request, task: str) -> Response:
        return Response(TaskSerializer(services.task(task, acting=self.principal)).data)


class Cancel(TenantView):
    permissions: ClassVar = {"post": "endpoints:write"}

    @extend_schema(operation_id="tasks_cancel", request=None, responses=TaskSerializer)
    def post(self, request: Request, task: str) -> Response:
        """End it, whoever's it is. One that is over stays as it is."""
        return Response(TaskSerializer(services.cancel(task, acting=self.principal)).data)


class Retry(TenantView):
    permissions: ClassVar = {"post": "endpoints:write"}

    @extend_schema(operation_id="tasks_retry", request=None, responses={201: TaskSerializer})
    def post(self, request: Request, task: str) -> Response:
        """Do what an ended task was to do once more, as a new task of the same owner."""
        return Response(TaskSerializer(services.retry(task, acting=self.principal)).data, status=201)
