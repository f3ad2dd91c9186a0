"""Endpoints: what they are made of, drafts, previews, versions."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.parsers import JSONParser
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.base import TenantView
from controlplane.api.compositions import (
    CloneSerializer,
    CompositionSerializer,
    DecidedSerializer,
    DecisionSerializer,
    EndpointDetailSerializer,
    EndpointSerializer,
    HeldSerializer,
    NewEndpointSerializer,
    PreviewSerializer,
    PublishSerializer,
    RestoreSerializer,
    VersionDetailSerializer,
    VersionSerializer,
    preview_document,
)
from controlplane.api.problems import PreconditionRequired
from controlplane.composition import document, drafts, history, publishing, services
from controlplane.composition.errors import DraftChanged
from controlplane.composition.models import Endpoint, EndpointVersion

_ETAG = re.compile(r'"(\d{1,10})"')
_IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag of the draft that was read; `*` overwrites any.",
    required=True,
)
_MAYBE_IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag of the draft that was read: another one is then not published.",
)


class EndpointView(TenantView):
    parser_classes = (JSONParser,)

    def detail(self, endpoint: Endpoint, code: int = status.HTTP_200_OK) -> Response:
        body = EndpointDetailSerializer(endpoint, context={"tenant": self.kwargs["tenant"]}).data
        return Response(body, status=code, headers={"ETag": _etag(endpoint)})

    def draft(self, endpoint: Endpoint) -> Response:
        return Response(document.write(services.drafted(endpoint)), headers={"ETag": _etag(endpoint)})

    def version(self, version: EndpointVersion) -> Response:
        before = history.version_before(version)
        context = {
            "compared_with": before.number if before else None,
            "changes": history.changes(before.document if before else None, version.document),
        }
        return Response(VersionDetailSerializer(version, context=context).data)


class Endpoints(EndpointView):
    permissions: ClassVar = {"get": "endpoints:read", "post": "endpoints:write"}

    @extend_schema(operation_id="endpoints_list", responses=EndpointSerializer(many=True))
    def get(self, request: Request) -> Response:
        """What MCP clients can connect to."""
        context = {"tenant": self.kwargs["tenant"]}
        return Response(EndpointSerializer(services.endpoints(), many=True, context=context).data)

    @extend_schema(
        operation_id="endpoints_create", request=NewEndpointSerializer, responses={201: EndpointDetailSerializer}
    )
    def post(self, request: Request) -> Response:
        """Make an endpoint with a draft. It serves nothing until that is published."""
        wanted = NewEndpointSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        composition = document.read(wanted.validated_data["composition"] or {"members": []})
        made = services.create_endpoint(wanted.validated_data["name"], composition, acting=self.principal)
        return self.detail(made, status.HTTP_201_CREATED)


class EndpointDetail(EndpointView):
    permissions: ClassVar = {"get": "endpoints:read"}

    @extend_schema(operation_id="endpoints_get", responses=EndpointDetailSerializer)
    def get(self, request: Request, endpoint: str) -> Response:
        """One endpoint, by name or identifier, with what it is made of and its draft."""
        return self.detail(services.find_endpoint(endpoint))


class Draft(EndpointView):
    permissions: ClassVar = {"get": "endpoints:read", "put": "endpoints:write", "delete": "endpoints:write"}

    @extend_schema(operation_id="endpoints_get_draft", responses=CompositionSerializer)
    def get(self, request: Request, endpoint: str) -> Response:
        """The draft, or what is published where there is none. Its ETag goes into the If-Match of a change."""
        return self.draft(services.find_endpoint(endpoint))

    @extend_schema(
        operation_id="endpoints_set_draft",
        parameters=[_IF_MATCH],
        request=CompositionSerializer,
        responses=CompositionSerializer,
    )
    def put(self, request: Request, endpoint: str) -> Response:
        """Write the draft. It is read strictly; whether it can be published, the preview tells."""
        composition = document.read(request.data)
        found = services.find_endpoint(endpoint)
        return self.draft(drafts.save(found, composition, read_as=_read_as(request, found), acting=self.principal))

    @extend_schema(operation_id="endpoints_discard_draft", parameters=[_IF_MATCH], responses={204: None})
    def delete(self, request: Request, endpoint: str) -> Response:
        """Forget the draft."""
        found = services.find_endpoint(endpoint)
        drafts.discard(found, read_as=_read_as(request, found), acting=self.principal)
        return Response(status=status.HTTP_204_NO_CONTENT)


class Preview(EndpointView):
    permissions: ClassVar = {"get": "endpoints:read", "post": "endpoints:read"}

    @extend_schema(operation_id="endpoints_preview", responses=PreviewSerializer)
    def get(self, request: Request, endpoint: str) -> Response:
        """What publishing the draft would serve, and what is wrong with it: the output of the same compiler."""
        compiled = publishing.preview(services.find_endpoint(endpoint))
        return Response(PreviewSerializer(preview_document(compiled)).data)

    @extend_schema(
        operation_id="endpoints_preview_composition",
        request=CompositionSerializer,
        responses=PreviewSerializer,
    )
    def post(self, request: Request, endpoint: str) -> Response:
        """The same for a composition that is saved nowhere."""
        composition = document.read(request.data)
        compiled = publishing.preview(services.find_endpoint(endpoint), composition)
        return Response(PreviewSerializer(preview_document(compiled)).data)


class Publish(EndpointView):
    permissions: ClassVar = {"post": "endpoints:write"}

    @extend_schema(
        operation_id="endpoints_publish",
        parameters=[_MAYBE_IF_MATCH],
        request=PublishSerializer,
        responses=VersionDetailSerializer,
    )
    def post(self, request: Request, endpoint: str) -> Response:
        """Serve the draft. Clients see it within a second."""
        wanted = PublishSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        found = services.find_endpoint(endpoint)
        read_as = _read_as(request, found) if "if-match" in request.headers else None
        version = publishing.publish(found, read_as=read_as, note=wanted.validated_data["note"], acting=self.principal)
        return self.version(version)


class HeldDefinitions(EndpointView):
    permissions: ClassVar = {"get": "endpoints:read"}

    @extend_schema(operation_id="endpoints_held", responses=HeldSerializer(many=True))
    def get(self, request: Request, endpoint: str) -> Response:
        """What members changed and nobody approved yet, and what was refused. Empty unless `changes` is `hold`."""
        return Response(HeldSerializer(publishing.held(services.find_endpoint(endpoint)), many=True).data)


class Decide(EndpointView):
    permissions: ClassVar = {"post": "endpoints:write"}
    approve: ClassVar[bool]

    def decide(self, request: Request, endpoint: str) -> Response:
        wanted = DecisionSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        found = services.find_endpoint(endpoint)
        ids = wanted.validated_data["ids"]
        made = publishing.decide(found, ids, approve=self.approve, acting=self.principal)
        return Response(DecidedSerializer({"version": made.number if made else None}).data)


class Approve(Decide):
    approve = True

    @extend_schema(operation_id="endpoints_approve", request=DecisionSerializer, responses=DecidedSerializer)
    def post(self, request: Request, endpoint: str) -> Response:
        """Let held definitions through, all of those named or none. Clients see them within a second."""
        return self.decide(request, endpoint)


class Refuse(Decide):
    approve = False

    @extend_schema(operation_id="endpoints_refuse", request=DecisionSerializer, responses=DecidedSerializer)
    def post(self, request: Request, endpoint: str) -> Response:
        """Take components with these definitions away from clients. They can be approved later."""
        return self.decide(request, endpoint)


class Rollback(EndpointView):
    permissions: ClassVar = {"post": "endpoints:write"}

    @extend_schema(operation_id="endpoints_roll_back", request=RestoreSerializer, responses=VersionDetailSerializer)
    def post(self, request: Request, endpoint: str) -> Response:
        """Compose it as an earlier version was. Mounted servers keep their current revisions; the draft stays."""
        wanted = RestoreSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        found = services.find_endpoint(endpoint)
        return self.version(publishing.roll_back(found, to=wanted.validated_data["version"], acting=self.principal))


class Clone(EndpointView):
    permissions: ClassVar = {"post": "endpoints:write"}

    @extend_schema(operation_id="endpoints_clone", request=CloneSerializer, responses={201: EndpointDetailSerializer})
    def post(self, request: Request, endpoint: str) -> Response:
        """Make an endpoint whose draft is what this one is made of."""
        wanted = CloneSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        found = services.find_endpoint(endpoint)
        made = services.clone(found, wanted.validated_data["name"], acting=self.principal)
        return self.detail(made, status.HTTP_201_CREATED)


class Versions(EndpointView):
    permissions: ClassVar = {"get": "endpoints:read"}

    @extend_schema(operation_id="endpoints_versions", responses=VersionSerializer(many=True))
    def get(self, request: Request, endpoint: str) -> Response:
        """The newest 50 versions."""
        found = services.find_endpoint(endpoint)
        return Response(VersionSerializer(history.versions_of(found), many=True).data)


class VersionDetail(EndpointView):
    permissions: ClassVar = {"get": "endpoints:read"}

    @extend_schema(
        operation_id="endpoints_version",
        parameters=[OpenApiParameter("number", OpenApiTypes.INT, OpenApiParameter.PATH)],
        responses=VersionDetailSerializer,
    )
    def get(self, request: Request, endpoint: str, number: int) -> Response:
        """One version: what it was compiled from, and what it changed for clients."""
        return self.version(history.find_version(services.find_endpoint(endpoint), number))


def _etag(endpoint: Endpoint) -> str:
    return f'"{endpoint.draft_number}"'


def _read_as(request: Request, endpoint: Endpoint) -> int | None:
    """The state that the caller read. Raises PreconditionRequired, DraftChanged (RFC 9110 13.1.1, RFC 6585 3)."""
    said: Any = request.headers.get("if-match")
    if said is None:
        raise PreconditionRequired
    if said.strip() == "*":
        return None
    match = _ETAG.fullmatch(said.strip())
    if match is None:
        raise DraftChanged(endpoint.slug)
    return int(match[1])
