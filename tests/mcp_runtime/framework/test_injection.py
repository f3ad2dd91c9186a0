"""What the framework fills in by itself (FASTMCP C-01, T-08, T-14; the later spelling `Depends`)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Annotated, Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.dependencies import (
    CallArgument,
    CurrentAccessToken,
    CurrentContext,
    CurrentFastMCP,
    CurrentHeaders,
    CurrentRequest,
    Dependency,
    Depends,
    Progress,
    Shared,
    TokenClaim,
)
from mcp_runtime.framework.errors import InvalidSignature, ToolError
from mcp_runtime.protocol.errors import InvalidParams

pytestmark = pytest.mark.fastmcp("C-01", status="later")


def five() -> int:
    return 5


async def answer(function: Any, arguments: dict[str, Any] | None = None, **options: Any) -> Any:
    mcp = FastMCP("injecting")
    mcp.tool(function, name="it", **options)
    async with Client(mcp) as client:
        return (await client.call_tool("it", arguments)).data


async def test_an_injected_parameter_is_not_in_the_schema() -> None:
    mcp = FastMCP()

    @mcp.tool
    def it(a: int, b: int = Depends(five), c: Annotated[int, Depends(five)] = 0, ctx: Any = CurrentContext()) -> int:
        return a + b + c

    async with Client(mcp) as client:
        assert list((await client.list_tools())[0].input_schema["properties"]) == ["a"]
        assert await client.call_tool("it", {"a": 1}) == 11


@pytest.mark.parametrize("strict", [False, True])
async def test_a_client_cannot_supply_what_is_injected(strict: bool) -> None:
    mcp = FastMCP(strict_input_validation=strict)

    @mcp.tool
    def it(user: str = Depends(lambda: "ada")) -> str:
        return user

    async with Client(mcp) as client:
        with pytest.raises(ToolError, match="user"):
            await client.call_tool("it", {"user": "eve"})


@pytest.mark.parametrize("form", ["plain", "async", "generator", "async generator", "context manager", "async manager"])
async def test_every_form_of_factory_gives_its_value_and_is_closed_afterwards(form: str) -> None:
    steps: list[str] = []

    def plain() -> str:
        return "value"

    async def asynchronous() -> str:
        await asyncio.sleep(0)
        return "value"

    def generator() -> Iterator[str]:
        yield "value"
        steps.append("closed")

    async def async_generator() -> AsyncIterator[str]:
        yield "value"
        steps.append("closed")

    factory: Any = {
        "plain": plain,
        "async": asynchronous,
        "generator": generator,
        "async generator": async_generator,
        "context manager": contextmanager(generator),
        "async manager": asynccontextmanager(async_generator),
    }[form]

    def it(value: str = Depends(factory)) -> str:
        steps.append("called")
        return value

    assert await answer(it) == "value"
    assert steps == (["called"] if form in ("plain", "async") else ["called", "closed"])


async def test_dependencies_have_dependencies_and_each_is_made_once_per_call() -> None:
    made: list[int] = []

    def base() -> int:
        made.append(1)
        return len(made)

    async def above(value: int = Depends(base)) -> int:
        return value * 10

    def it(a: int = Depends(base), b: int = Depends(above), c: int = Depends(base, use_cache=False)) -> list[int]:
        return [a, b, c]

    assert await answer(it) == [1, 10, 2]


async def test_a_synchronous_factory_does_not_hold_the_event_loop() -> None:
    def where() -> bool:
        return threading.current_thread() is threading.main_thread()

    async def it(on_the_loop: bool = Depends(where)) -> bool:
        return on_the_loop

    assert await answer(it) is False


async def test_a_factory_may_use_the_calls_arguments() -> None:
    def account(user: str = CallArgument(), note: str = CallArgument("remark", default="none")) -> str:
        return f"{user}/{note}"

    async def it(user: str, account: str = Depends(account), other: str = Depends(account, user="ben")) -> list[str]:
        return [account, other]

    assert await answer(it, {"user": "ada"}) == ["ada/none", "ben/none"]


async def test_an_argument_that_the_call_does_not_have_is_named() -> None:
    def account(number: int = CallArgument()) -> int:
        return number

    async def it(account: int = Depends(account)) -> int:
        return account

    with pytest.raises(ToolError, match="'number', which is no argument of the call"):
        await answer(it)


def test_a_factory_that_needs_what_nobody_gives_is_refused_where_it_is_written() -> None:
    def account(number: int) -> int:
        return number

    with pytest.raises(InvalidSignature, match=r"'account' needs 'number', which nobody gives it"):
        Depends(account)
    with pytest.raises(TypeError, match="binds nmber, which 'account' does not take"):
        Depends(account, nmber=1)


async def test_an_error_in_the_tool_reaches_its_dependencies_and_the_client() -> None:
    steps: list[str] = []

    @contextmanager
    def transaction() -> Iterator[str]:
        try:
            yield "open"
        except ValueError:
            steps.append("rolled back")
            raise

    def it(state: str = Depends(transaction)) -> str:
        raise ValueError("no")

    with pytest.raises(ToolError, match="Error calling tool 'it': no"):
        await answer(it)
    assert steps == ["rolled back"]


async def test_a_dependency_that_swallows_the_error_does_not_make_the_call_succeed() -> None:
    @contextmanager
    def swallowing() -> Iterator[None]:
        with suppress(ValueError):
            yield

    def it(nothing: None = Depends(swallowing)) -> str:
        raise ValueError("lost")

    with pytest.raises(ToolError, match="lost"):
        await answer(it)


async def test_an_error_in_a_factory_is_the_tools_error() -> None:
    def broken() -> str:
        raise ToolError("The database is away.")

    def it(value: str = Depends(broken)) -> str:
        return value

    with pytest.raises(ToolError, match=r"^The database is away\.$"):
        await answer(it)


async def test_the_time_limit_counts_the_dependencies_too() -> None:
    async def slow() -> None:
        await asyncio.Event().wait()

    def it(value: None = Depends(slow)) -> None:
        return None

    with pytest.raises(ToolError, match=r"did not finish within its 0.05 s"):
        await answer(it, timeout=0.05)


async def test_the_server_and_the_context_are_injected() -> None:
    def name_of(ctx: Context = CurrentContext()) -> str:
        return ctx.fastmcp.name

    def it(
        server: FastMCP = CurrentFastMCP(), name: str = Depends(name_of), headers: Any = CurrentHeaders()
    ) -> list[Any]:
        return [server.name, name, headers]

    assert await answer(it) == ["injecting", "injecting", {}]


@pytest.mark.parametrize(
    ("dependency", "complaint"),
    [
        (CurrentAccessToken(), "the caller was not authenticated"),
        (TokenClaim("sub"), "the caller was not authenticated"),
        (CurrentRequest(), "No active HTTP request found"),
    ],
    ids=["token", "claim", "request"],
)
async def test_what_the_request_does_not_have_fails_the_call(dependency: Any, complaint: str) -> None:
    def it(value: Any = dependency) -> str:
        return "never"

    with pytest.raises(ToolError, match=complaint):
        await answer(it)


async def test_a_dependency_class_of_the_authors_own_is_entered_and_left() -> None:
    steps: list[str] = []

    class Lock(Dependency):
        async def __aenter__(self) -> str:
            steps.append("in")
            return "held"

        async def __aexit__(self, *_: object) -> None:
            steps.append("out")

    def it(lock: Any = Lock()) -> str:
        steps.append(lock)
        return "done"

    assert await answer(it) == "done"
    assert steps == ["in", "held", "out"]


async def test_resources_templates_and_prompts_are_injected_too() -> None:
    mcp = FastMCP()
    mcp.resource("data://x", name="x")(lambda value=Depends(five): str(value))
    mcp.resource("data://t/{name}", name="t")(lambda name, value=Depends(five): f"{name}{value}")
    mcp.prompt(lambda topic, value=Depends(five): f"{topic}{value}", name="p")

    async with Client(mcp) as client:
        assert (await client.read_resource("data://x"))[0].text == "5"
        assert (await client.read_resource("data://t/n"))[0].text == "n5"
        assert [argument.name for argument in (await client.list_prompts())[0].arguments or ()] == ["topic"]
        assert (await client.get_prompt("p", {"topic": "t"})).messages[0].content.text == "t5"
        with pytest.raises(InvalidParams, match="value"):
            await client.get_prompt("p", {"topic": "t", "value": "6"})


def test_a_uri_cannot_supply_what_is_injected() -> None:
    mcp = FastMCP()

    with pytest.raises(InvalidSignature, match=r"\{value\}, which is no parameter"):
        mcp.resource("data://{value}", name="x")(lambda value=Depends(five): value)
    with pytest.raises(InvalidSignature, match=r"\{value\}, which is no parameter"):
        mcp.resource("data://{value}", name="x")(lambda value=Depends(five), **rest: value)


async def test_progress_is_counted_for_each_call_alone() -> None:
    mcp, seen = FastMCP(), []

    @mcp.tool
    async def it(progress: Progress = Progress()) -> float:
        await progress.set_total(2)
        await progress.increment()
        await progress.set_message("half")
        return progress.current

    async def heard(done: float, total: float | None, message: str | None) -> None:
        seen.append((done, total, message))

    async with Client(mcp) as client:
        assert await client.call_tool("it", progress_handler=heard) == 1
        assert await client.call_tool("it") == 1
    assert seen == [(0, 2, None), (1, 2, None), (1, 2, "half")]


async def test_a_shared_value_is_made_once_and_closed_with_the_server() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def database() -> AsyncIterator[dict[str, int]]:
        events.append("open")
        yield {"calls": 0}
        events.append("close")

    def table(db: Any = Shared(database)) -> Any:
        return db

    mcp = FastMCP()

    @mcp.tool
    def count(db: Any = Shared(database), same: Any = Shared(table)) -> int:
        assert db is same
        db["calls"] += 1
        return int(db["calls"])

    async with Client(mcp) as client:
        assert [(await client.call_tool("count")).data for _ in range(3)] == [1, 2, 3]
        assert "db" not in (await client.list_tools())[0].input_schema.get("properties", {})
        assert events == ["open"]
    assert events == ["open", "close"]

    async with Client(mcp) as client:
        assert (await client.call_tool("count")).data == 1


async def test_a_shared_value_that_could_not_be_made_is_tried_again() -> None:
    tries: list[int] = []

    def flaky() -> str:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("not yet")
        return "there"

    mcp = FastMCP()

    @mcp.tool
    def use(value: str = Shared(flaky)) -> str:
        return value

    async with Client(mcp) as client:
        assert (await client.call_tool("use", raise_on_error=False)).is_error
        assert (await client.call_tool("use")).data == "there"
