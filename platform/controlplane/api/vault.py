"""The keys under which the tenant's secrets are sealed."""

from __future__ import annotations

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.vault import services as vault


class DataKeySerializer(serializers.Serializer[Any]):
    sealed_anew = serializers.IntegerField(help_text="How many values now are sealed under the new key.")


class DataKeys(TenantView):
    asks_for_proof = True
    permissions: ClassVar = {"post": "tenant:write"}
    parser_classes = (JSONParser,)

    @extend_schema(operation_id="data_keys_rotate", request=None, responses={201: DataKeySerializer})
    def post(self, request: Request) -> Response:
        """Seal all of the tenant's secrets under a new data key. Nothing pauses; no secret has to be set again."""
        done = {"sealed_anew": vault.rotate_data_key(acting=self.principal)}
        return Response(DataKeySerializer(done).data, status=status.HTTP_201_CREATED)
