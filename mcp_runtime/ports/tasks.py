"""The tasks port: calls that go on in the background of the request that made them (PROTOCOL 4.2).

A gateway hands over a `TaskOrder` and gets a `Task` that any gateway can show from then on (TK-02). Whoever runs it
writes into its `Journal`. Both generations of the protocol show the same record; how it looks on the wire is the
gateway's business. A task belongs to its `Owner`: for anybody else it does not exist (TK-03, TK-08).

TasksError
├── TaskLimit          the caller's tenant has as many unfinished tasks as it may have
├── TasksUnavailable   the store cannot be reached
├── LeaseLost          somebody else has taken the task over, or ended it: whatever is written now counts no more
└── NotAnswered        the client takes its time: this run ends, and another one begins with the answers
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from mcp_runtime.ports.dialogues import Dialogue
from mcp_runtime.protocol.messages import ErrorBody, Progress, Question, ToolResult
from tenants.principal import Principal

TaskStatus = Literal["working", "input_required", "completed", "failed", "cancelled"]
TERMINAL: frozenset[TaskStatus] = frozenset({"completed", "failed", "cancelled"})
"""States that never change again."""

TASK_SECONDS = 3600.0
"""How long one run of a tool that may be a task may take, in the background or not."""
TTL_MS = 24 * 3600 * 1000
"""How long a task can be read where the client does not say: from its creation, whatever becomes of it."""
LEAST_TTL_MS = 60 * 1000
MOST_TTL_MS = 7 * 24 * 3600 * 1000
POLL_MS = 5_000
"""How often clients are told to look."""
MAX_RESULT_BYTES = 8 * 1024 * 1024
"""Of a result, as JSON. A task with a larger one fails and says so."""
MAX_STATUS_MESSAGE = 1_000
"""Characters."""


class TasksError(Exception):
    """Base of what the port raises."""


class TaskLimit(TasksError):
    def __init__(self, limit: int) -> None:
        super().__init__(f"There are {limit} unfinished tasks already.")
        self.limit = limit


class TasksUnavailable(TasksError):
    """The store cannot be reached."""


class LeaseLost(TasksError):
    """The task is somebody else's by now, or over."""


class NotAnswered(TasksError):
    """There is no answer yet; the task waits without being run."""


class Owner(msgspec.Struct, frozen=True):
    """Whose a task is. The same caller at another endpoint is another owner."""

    identity: tuple[str, str, str, str]
    """`Principal.identity`, the tenant's identifier first."""
    endpoint_id: str

    @property
    def tenant_id(self) -> str:
        return self.identity[0]


class TaskOrder(msgspec.Struct, frozen=True, kw_only=True):
    """A call of a tool, checked and ready to be run: everything that its run needs to know of the request."""

    principal: Principal
    tenant: str
    """The slug."""
    endpoint: str
    endpoint_id: str
    version: int
    """Of the plan in which the tool was found."""
    method: str
    name: str
    params: dict[str, object]
    revision: str
    capabilities: dict[str, object] = {}
    log_level: str | None = None
    progress_token: str | int | None = None
    request_id: str = ""
    session: str | None = None
    headers: dict[str, str] = {}
    """Of the request, those that servers may see."""
    ttl_ms: int = TTL_MS
    poll_ms: int = POLL_MS
    record: list[tuple[str, msgspec.Raw]] = []
    """What the client was asked before this became a task, as digests of questions, with the answers."""
    retry: bool = False
    """Whether a run that was cut off may be begun again: the tool says that it may be called twice."""

    @property
    def owner(self) -> Owner:
        return Owner(self.principal.identity, self.endpoint_id)


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task as its owner may see it."""

    id: str
    status: TaskStatus
    created_at: float
    """Seconds since 1970."""
    updated_at: float
    method: str
    name: str
    ttl_ms: int = TTL_MS
    poll_ms: int = POLL_MS
    status_message: str | None = None
    progress: Progress | None = None
    progress_token: str | int | None = None
    """What the request wanted its progress to be marked with."""
    questions: dict[str, Question] = {}
    """What waits for an answer, by key."""
    result: ToolResult | None = None
    """Set where it is completed; in 2026-07-28 form, not yet shaped for a client."""
    is_error: bool = False
    """Whether the result says that it is an error of the tool's."""
    error: ErrorBody | None = None
    """Set where it failed otherwise than by a result."""

    @property
    def over(self) -> bool:
        return self.status in TERMINAL


Outcome: TypeAlias = ToolResult | ErrorBody


class Tasks(Protocol):
    """What gateways ask. Every method raises TasksUnavailable where the store cannot be reached."""

    async def create(self, order: TaskOrder) -> Task:
        """Keep the task and see to it that it is run. When this returns, any process can `get` it. Raises TaskLimit."""

    async def get(self, task_id: str, owner: Owner) -> Task | None:
        """None for what is unknown, expired or somebody else's."""

    async def answer(self, task_id: str, owner: Owner, answers: dict[str, msgspec.Raw]) -> bool:
        """Answer questions; keys that are unknown or answered, and tasks that are over, are left as they are (TK-05).
        False as `get` says None."""

    async def cancel(self, task_id: str, owner: Owner) -> Task | None:
        """End the task, if it is not over; as it was before that. None as `get`."""

    async def list(self, owner: Owner, *, before: str | None = None, limit: int = 50) -> Sequence[Task]:
        """The owner's tasks without their results, the newest first, behind the one named `before`."""

    def watch(self, task_id: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` whenever the task may have changed, until the returned function is called. It is called too
        often rather than too rarely: what has changed says `get`."""

    async def start(self) -> None:
        """Begin to hear of changes. Idempotent."""

    async def aclose(self) -> None: ...


class Journal(Protocol):
    """What a run writes of its task. Whoever has lost the task gets LeaseLost from every method that waits."""

    task_id: str
    dialogue: Dialogue
    """What was asked and answered in runs before this one."""

    def heard(self, method: str, params: msgspec.Raw) -> None:
        """A notification of the tool: an EventSink. Progress and log messages are written down in a while."""

    async def ask(self, questions: dict[str, Question], *, state: str | None, returned: bool) -> dict[str, msgspec.Raw]:
        """Show questions to the owner, and the answers to all of them. `returned` are those that the tool gave as its
        result, with the `state` it wants back. Raises NotAnswered."""
