"""Servers written for FastMCP 2, 3 and 4 deploy unmodified and answer FastMCP's own client (FASTMCP 0.2)."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.exceptions import ToolError
from mcp.types import PromptReference

from tests.interop.conftest import ROOT, stoa
from tests.support import RunningPlatform

SERVERS = sorted((ROOT / "tests" / "contract" / "servers").glob("v*.py"))
TEMPLATES = sorted((ROOT / "templates" / "servers").glob("*/server.py"))
AT_ONCE = 3
MODES = ["auto", "legacy"]


@pytest.fixture(scope="session")
def deployed(running_platform: RunningPlatform) -> RunningPlatform:
    """All of them, a few at a time."""

    def deploy(path: Path) -> subprocess.CompletedProcess[str]:
        return stoa(running_platform, "deploy", str(path), "--name", _name(path), "--tenant", "demo")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(deploy, [*SERVERS, *TEMPLATES]))
    return running_platform


def _name(path: Path) -> str:
    return f"template-{path.parent.name}" if path.name == "server.py" else path.stem.replace("_", "-")


def client(platform: RunningPlatform, name: str, **options: Any) -> Client[Any]:
    url = platform.endpoint_url.replace("/demo/demo/", f"/demo/{name}/")
    return Client(url, auth=platform.api_key, **options)


@pytest.mark.fastmcp("D-08", status="safer")
@pytest.mark.parametrize("path", [*SERVERS, *TEMPLATES], ids=_name)
async def test_a_server_lists_what_it_offers(deployed: RunningPlatform, path: Path) -> None:
    async with client(deployed, _name(path)) as peer:
        assert await peer.list_tools()


@pytest.mark.fastmcp("S-10", "T-03", "T-08", "T-32", "R-10", "P-01", status="safer")
@pytest.mark.parametrize("mode", MODES)
async def test_a_shop_of_2(deployed: RunningPlatform, mode: str) -> None:
    async with client(deployed, "v2-shop", mode=mode) as peer:
        tools = {tool.name: tool for tool in await peer.list_tools()}
        hat = await peer.call_tool("find_hat", {"name": "bowler"})
        with pytest.raises(ToolError, match="Crowns are not for sale"):
            await peer.call_tool("find_hat", {"name": "crown"})
        with pytest.raises(ToolError):
            await peer.call_tool("price", {"name": "bowler", "discount": 1.0})
        [content] = await peer.read_resource("shop://hats/bowler")
        prompt = await peer.get_prompt("advertise", {"name": "hats"})

    assert set(tools) == {"find_hat", "price"}
    assert set(tools["price"].input_schema["properties"]) == {"name"}
    assert (hat.data.name, hat.data.size) == ("bowler", 58)
    assert "bowler" in str(content)
    assert "cheerful" in str(prompt.messages[0].content)


@pytest.mark.fastmcp("C-09")
@pytest.mark.parametrize("mode", MODES)
async def test_a_server_that_elicits(deployed: RunningPlatform, mode: str) -> None:
    async def answer(message: str, response_type: Any, params: Any, context: Any) -> Any:
        return response_type(name="Ada", nights=2)

    async with client(deployed, "v2-elicits", mode=mode, elicitation_handler=answer) as peer:
        result = await peer.call_tool("check_in")

    assert result.data == "Ada stays 2 nights"


@pytest.mark.fastmcp("C-08", "CL-18")
@pytest.mark.parametrize("mode", MODES)
async def test_a_server_that_samples(deployed: RunningPlatform, mode: str) -> None:
    async def answer(messages: Any, params: Any, context: Any) -> str:
        return "short"

    async with client(deployed, "v2-samples", mode=mode, sampling_handler=answer) as peer:
        result = await peer.call_tool("summarize", {"text": "long"})

    assert result.data == "short"


@pytest.mark.fastmcp("C-02", "C-03", "T-16")
@pytest.mark.parametrize("mode", MODES)
async def test_a_server_that_reports_progress(deployed: RunningPlatform, mode: str) -> None:
    heard: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with client(deployed, "v2-progress", mode=mode) as peer:
        result = await peer.call_tool("work", {"steps": 3}, progress_handler=on_progress)

    assert result.data == "worked"
    assert heard[-1] == 3


@pytest.mark.fastmcp("K-01", "K-02", "K-04")
async def test_a_server_that_mounts_and_imports(deployed: RunningPlatform) -> None:
    async with client(deployed, "v2-mounts") as peer:
        tools = {tool.name for tool in await peer.list_tools()}
        forecast = await peer.call_tool("weather_forecast", {"city": "Lima"})
        struck = await peer.call_tool("clock_strike", {"hour": 2})
        [seasons] = await peer.read_resource("data://weather/seasons")

    assert tools == {"weather_forecast", "weather_added_later", "clock_strike"}
    assert (forecast.data, struck.data) == ("Sunny in Lima", "dingding")
    assert "dry" in str(seasons)


@pytest.mark.fastmcp("K-06", "K-09")
async def test_a_server_that_proxies(deployed: RunningPlatform) -> None:
    async with client(deployed, "v2-proxies") as peer:
        echoed = await peer.call_tool("echo", {"text": "hat"})
        ponged = await peer.call_tool("side_ping")
        [end] = await peer.read_resource("back://end")

    assert "hat" in str(echoed.content)
    assert "pong" in str(ponged.content)
    assert "reached" in str(end)


@pytest.mark.fastmcp("T-22", "T-23", "T-24", "T-26", "R-22")
async def test_a_server_that_returns_pictures_and_files(deployed: RunningPlatform) -> None:
    async with client(deployed, "v2-media") as peer:
        [picture] = (await peer.call_tool("picture")).content
        [sound] = (await peer.call_tool("sound")).content
        [document] = (await peer.call_tool("document")).content
        album = (await peer.call_tool("album")).content
        [pixel] = await peer.read_resource("gallery://pixel")

    assert (picture.type, picture.mime_type) == ("image", "image/png")
    assert (sound.type, sound.mime_type) == ("audio", "audio/wav")
    assert (document.type, document.resource.mime_type) == ("resource", "application/pdf")
    assert [block.type for block in album] == ["text", "image"]
    assert pixel.mime_type == "image/png"


@pytest.mark.fastmcp("M-01", "M-05", "M-13", "M-26")
async def test_a_server_with_middleware(deployed: RunningPlatform) -> None:
    async with client(deployed, "v2-middleware") as peer:
        greeted = await peer.call_tool("greet", {"name": "Ada"})
        flaky = await peer.call_tool("flaky")

    assert greeted.data == "Hello, ADA"
    assert flaky.data == 3


@pytest.mark.fastmcp(
    "A-01", "A-02", "A-03", "A-04", "A-05", "A-06", "A-07", "A-08", "A-09", "A-10", "A-14", "C-22", status="safer"
)
async def test_a_server_with_every_auth_provider(deployed: RunningPlatform) -> None:
    """Making one fetches nothing and needs no package; the platform knows who calls."""
    async with client(deployed, "v2-auth") as peer:
        known = await peer.call_tool("known")
        caller = await peer.call_tool("whoami")

    assert len(known.data) == 13
    assert caller.data["somebody"] is True


@pytest.mark.fastmcp("C-10", "S-11", status="later")
@pytest.mark.parametrize("mode", MODES)
async def test_a_server_that_keeps_state(deployed: RunningPlatform, mode: str) -> None:
    async with client(deployed, "v3-state", mode=mode) as peer:
        before = len((await peer.call_tool("recall")).data)
        await peer.call_tool("remember", {"word": "hat"})
        await peer.call_tool("remember", {"word": "coat"})
        recalled = await peer.call_tool("recall")
        opened = await peer.call_tool("opened")

    assert recalled.data[before:] == ["hat", "coat"]
    assert opened.data is True


@pytest.mark.fastmcp("T-31", "P-24", "R-34", status="later")
async def test_a_server_of_standalone_components(deployed: RunningPlatform) -> None:
    async with client(deployed, "v3-components") as peer:
        halved = await peer.call_tool("inner_halve", {"number": 4})
        said = await peer.call_tool("described")
        [parts] = await peer.read_resource("parts://list")
        talk = await peer.get_prompt("ask", {"topic": "a hat"})

    assert halved.data == 2
    assert said.structured_content == {"server": "Outer"}
    assert '["a"]' in str(parts)
    assert [message.role for message in talk.messages] == ["user", "assistant"]


@pytest.mark.fastmcp("C-09", "C-22", "T-11", status="later")
@pytest.mark.parametrize("mode", MODES)
async def test_a_server_of_4_asks_in_the_way_of_the_client(deployed: RunningPlatform, mode: str) -> None:
    async def answer(message: str, response_type: Any, params: Any, context: Any) -> Any:
        return response_type(value="yes")

    async with client(deployed, "v4-rounds", mode=mode, elicitation_handler=answer) as peer:
        confirmed = await peer.call_tool("confirm", {"action": "leave"})
        subject = await peer.call_tool("subject")

    assert confirmed.data == "leave: yes"
    assert subject.data.startswith("key_")


@pytest.mark.fastmcp("K-09", status="later")
async def test_a_server_from_an_openapi_document(deployed: RunningPlatform) -> None:
    async with client(deployed, "v4-openapi") as peer:
        hat = await peer.call_tool("get_hat", {"name": "bowler"})

    assert "bowler" in str(hat.content)


@pytest.mark.fastmcp("C-10", "T-33", "CL-21", "K-09", "M-12", status="later")
async def test_a_server_of_4_with_sessions_completions_and_a_search(deployed: RunningPlatform) -> None:
    async with client(deployed, "v4-sessions", mode="legacy") as peer, client(deployed, "v4-sessions") as other:
        counts = [(await peer.call_tool("count")).data for _ in range(2)]
        before = {tool.name for tool in await peer.list_tools()}
        await peer.call_tool("unlock")
        after = {tool.name for tool in await peer.list_tools()}
        luxury = (await peer.call_tool("luxury")).data
        others = {tool.name for tool in await other.list_tools()}
        themes = await peer.complete(PromptReference(type="ref/prompt", name="poem"), {"name": "theme", "value": "n"})
        found = await peer.call_tool("catalogue_search_tools", {"query": "hat color"})
        hat = await peer.call_tool("catalogue_call_tool", {"name": "find_hat", "arguments": {"color": "red"}})
        guests = (await peer.call_tool("guests")).data

    assert (counts, luxury, themes.values) == ([1, 2], "dear", ["nature", "night"])
    assert after - before == {"luxury"}
    assert "luxury" not in others
    assert [tool["name"] for tool in found.structured_content["result"]] == ["find_hat"]
    assert hat.content[0].text == "a red hat"
    assert guests
