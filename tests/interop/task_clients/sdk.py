"""Tasks over the client of `mcp` 2.3. It knows none, and can be taught those of 2026-07-28: `ClientExtension` claims
`resultType: "task"`, and `send_request` sends what it does not know. Those of 2025-11-25 it cannot be taught: it takes
no `CreateTaskResult` for an answer to `tools/call`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import mcp_types
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from pydantic import ConfigDict, Field


class Created(mcp_types.Result):
    """What `tools/call` answers in the extension of 2026-07-28."""

    model_config = ConfigDict(extra="allow")
    result_type: Literal["task"] = Field(alias="resultType")
    task_id: str = Field(alias="taskId")


class Answer(mcp_types.Result):
    """Whatever is answered, as it came."""

    model_config = ConfigDict(extra="allow")

    def __getitem__(self, name: str) -> Any:
        return (self.__pydantic_extra__ or {})[name]


class Params(mcp_types.RequestParams):
    model_config = ConfigDict(extra="allow")


class Ask(mcp_types.Request[Params, str]):
    """A request about a task."""

    name_param: ClassVar[str | None] = "taskId"
    params: Params


class Tasks(ClientExtension):
    identifier = "io.modelcontextprotocol/tasks"

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Created, resolve=self._resolve)]

    async def _resolve(self, created: Created, context: ClaimContext) -> mcp_types.CallToolResult:
        raise AssertionError("These tests follow their tasks themselves.")


def about(method: str, task_id: str, **params: Any) -> Ask:
    return Ask(method=method, params=Params.model_validate({"taskId": task_id, **params}))
