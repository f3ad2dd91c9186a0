"""Finding the server in a module (FASTMCP L-01)."""

from __future__ import annotations

from types import ModuleType

import pytest

from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.serving import EntrypointError, find_server


def module(**members: object) -> ModuleType:
    made = ModuleType("server")
    made.__file__ = "/somewhere/server.py"
    for name, member in members.items():
        if callable(member) and not isinstance(member, type) and hasattr(member, "__module__"):
            member.__module__ = "server"
        setattr(made, name, member)
    return made


@pytest.mark.parametrize("name", ["mcp", "server", "app"])
def test_the_usual_names_are_found(name: str) -> None:
    mcp = FastMCP()

    assert find_server(module(other=FastMCP(), **{name: mcp})) is mcp


def test_the_only_server_is_found_under_any_name() -> None:
    mcp = FastMCP()

    assert find_server(module(weather=mcp, alias=mcp)) is mcp


def test_a_name_is_obeyed() -> None:
    mcp, other = FastMCP(), FastMCP()

    assert find_server(module(mcp=mcp, other=other), "other") is other


def test_a_factory_is_called() -> None:
    mcp = FastMCP()

    def create() -> FastMCP:
        return mcp

    assert find_server(module(create=create), "create") is mcp
    assert find_server(module(create_server=create)) is mcp


def test_several_servers_must_be_chosen_from() -> None:
    with pytest.raises(EntrypointError, match=r"several servers: a, b\..*name it: server\.py:a"):
        find_server(module(a=FastMCP(), b=FastMCP()))


def test_no_server_is_told_with_what_there_is() -> None:
    with pytest.raises(EntrypointError, match=r"server\.py holds no FastMCP server\..*it defines count \(int\)"):
        find_server(module(count=1))


def test_a_wrong_name_is_told_with_what_there_is() -> None:
    with pytest.raises(EntrypointError, match=r"server\.py has no 'nope'; it defines count \(int\)"):
        find_server(module(count=1), "nope")


def test_a_name_of_something_else_is_told() -> None:
    with pytest.raises(EntrypointError, match=r"'count' in server\.py is a int, not a FastMCP server"):
        find_server(module(count=1), "count")


def test_a_factory_that_needs_arguments_is_refused() -> None:
    def create(port: int) -> FastMCP:
        return FastMCP()

    with pytest.raises(EntrypointError, match="cannot be called without arguments"):
        find_server(module(create=create), "create")


def test_an_asynchronous_factory_is_refused_with_advice() -> None:
    async def create() -> FastMCP:
        return FastMCP()

    with pytest.raises(EntrypointError, match="lifespan"):
        find_server(module(create=create), "create")


def test_a_factory_that_returns_something_else_is_told() -> None:
    def create() -> int:
        return 1

    with pytest.raises(EntrypointError, match="returned a int"):
        find_server(module(create=create), "create")
