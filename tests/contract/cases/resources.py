"""Blocks 10 to 17: resources."""

from __future__ import annotations

import io
import json
from typing import Any

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from tests.contract.cases import case
from tests.contract.document import Stage
from tests.contract.hosts import answering


async def _read(mcp: FastMCP, uri: str) -> Any:
    async with Client(mcp) as client:
        [content] = await client.read_resource(uri)
    return content


@case(10, "R-01", "R-21")
async def a_dictionary_is_read_as_json(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    await stage.run(mcp=mcp)

    content = await _read(mcp, "weather://current")

    assert json.loads(content.text) == {"temperature": 22, "condition": "Sunny"}


@case(11, "R-10")
async def a_template_takes_its_parameter_from_the_uri(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    await stage.run(mcp=mcp)

    content = await _read(mcp, "weather://paris/current")

    assert json.loads(content.text) == {"city": "Paris", "temperature": 22}


@case(12, "R-10")
async def a_parameter_is_converted_to_its_type(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    await stage.run(mcp=mcp)

    content = await _read(mcp, "users://7/profile")

    assert json.loads(content.text) == {"id": 7, "name": "User 7"}


@case(13, "R-11")
async def a_wildcard_takes_slashes_too(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    opened: list[str] = []

    def only_this(path: str) -> io.StringIO:
        opened.append(path)
        return io.StringIO("a page")

    await stage.run(mcp=mcp, open=only_this)

    content = await _read(mcp, "files://books/one/page.txt")

    assert content.text == "a page"
    assert opened == ["/books/one/page.txt"]


@case(14, "R-12")
async def query_parameters_are_optional(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    await stage.run(mcp=mcp)

    few = await _read(mcp, "data://items?limit=2&filter=hat")
    usual = await _read(mcp, "data://items")

    assert json.loads(few.text) == [{"id": 0}, {"id": 1}]
    assert len(json.loads(usual.text)) == 10


@case(15, "R-30", "R-31", "R-32", "R-33", "R-34")
async def ready_made_resources_are_read(stage: Stage) -> None:
    """The document's paths are this machine's root folder: the classes are given the same ones below a folder."""
    logs, workspace = stage.folder / "var" / "logs", stage.folder / "workspace"
    logs.mkdir(parents=True)
    workspace.mkdir()
    (logs / "app.log").write_text("started")
    (workspace / "plan.md").write_text("# Plan")
    stage.text = stage.text.replace('"/var/logs', f'"{logs}').replace('"/workspace"', f'"{workspace}"')
    mcp = FastMCP("surroundings")
    async with stage.hosts.serving("api.example.com", answering({"/data": ("application/json", '{"a": 1}')})):
        await stage.run(mcp=mcp)
        config = await _read(mcp, "config://app")
        log = await _read(mcp, "file:///logs/app.log")
        remote = await _read(mcp, "remote://api-data")
        folder = await _read(mcp, "dir:///workspace")

    assert (config.text, config.mime_type) == ("Configuration data", "text/plain")
    assert log.text == "started"
    assert json.loads(remote.text) == {"a": 1}
    assert "plan.md" in str(json.loads(folder.text))


@case(16, "R-40", "G-09")
async def a_file_is_read_without_blocking(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    log = stage.folder / "log.txt"
    log.write_text("one line")
    stage.text = stage.text.replace('"/path/log.txt"', repr(str(log)))
    await stage.run(mcp=mcp)

    content = await _read(mcp, "file:///path/log.txt")

    assert content.text == "one line"


@case(17, "R-08", "G-10")
async def annotations_are_listed(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    await stage.run(mcp=mcp)

    async with Client(mcp) as client:
        [resource] = await client.list_resources()
        [content] = await client.read_resource("data://readonly")
    assert resource.to_wire()["annotations"] == {"readOnlyHint": True, "idempotentHint": True}
    assert json.loads(content.text) == {"data": "value"}
