"""Blocks 18 to 21: prompts."""

from __future__ import annotations

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from tests.contract.cases import case
from tests.contract.cases.tools import trusting_aiohttp
from tests.contract.document import Stage
from tests.contract.hosts import answering


@case(18, "P-01", "P-20")
async def a_text_is_one_message_of_the_user(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    await stage.run(mcp=mcp)

    async with Client(mcp) as client:
        result = await client.get_prompt("ask_about_topic", {"topic": "hats"})
    [message] = result.messages
    assert message.role == "user"
    assert message.content.text == "Can you please explain the concept of 'hats'?"


@case(19, "P-02", "P-04", "P-05", "P-08", "P-09", "G-14")
async def a_prompts_arguments_are_described(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    await stage.run(mcp=mcp)

    async with Client(mcp) as client:
        [prompt] = await client.list_prompts()
        result = await client.get_prompt("analyze_data_request", {"data_uri": "data://x"})
    assert (prompt.name, prompt.description) == ("analyze_data_request", "Creates a request to analyze data")
    assert prompt.meta is not None
    assert (prompt.meta["version"], prompt.meta["author"]) == ("1.1", "data-team")
    assert [(one.name, one.description, bool(one.required)) for one in prompt.arguments or ()] == [
        ("data_uri", "URI del recurso con datos", True),
        ("analysis_type", "Tipo de análisis", False),
    ]
    assert result.messages[0].content.text == "Please perform a 'summary' analysis on the data at data://x."


@case(20, "P-22", "P-24")
async def several_messages_keep_their_order(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    await stage.run(mcp=mcp)

    async with Client(mcp) as client:
        result = await client.get_prompt("roleplay_scenario", {"character": "a hatter", "situation": "tea"})
    assert [(message.role, message.content.text) for message in result.messages] == [
        ("user", "You are a hatter. Situation: tea"),
        ("assistant", "Okay, I understand. What happens next?"),
    ]


@case(21, "P-25", "G-15")
async def a_prompt_waits_for_the_network(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    pages = {"/data/7": ("application/json", '{"content": "seven hats"}')}
    async with stage.hosts.serving("api.example.com", answering(pages)):
        await stage.run(mcp=mcp, aiohttp=trusting_aiohttp(stage))
        async with Client(mcp) as client:
            result = await client.get_prompt("data_based_prompt", {"data_id": "7"})

    assert result.messages[0].content.text == "Analyze this data: seven hats"
