"""Settings from the environment, and what beats them (FASTMCP S-03 to S-11)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.middleware import Middleware
from mcp_runtime.framework.settings import Settings, SettingsError, settings

pytestmark = pytest.mark.fastmcp("S-11")


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("FASTMCP_LOG_LEVEL", "debug", "log_level", "DEBUG"),
        ("FASTMCP_MASK_ERROR_DETAILS", "true", "mask_error_details", True),
        ("FASTMCP_STRICT_INPUT_VALIDATION", "1", "strict_input_validation", True),
        ("FASTMCP_INCLUDE_FASTMCP_META", "no", "include_fastmcp_meta", False),
        ("fastmcp_on_duplicate_tools", "error", "on_duplicate_tools", "error"),
        ("FASTMCP_INCLUDE_TAGS", '["a", "b"]', "include_tags", {"a", "b"}),
        ("FASTMCP_EXCLUDE_TAGS", "a, b", "exclude_tags", {"a", "b"}),
        ("FASTMCP_PORT", "9000", "port", 9000),
        ("FASTMCP_CLIENT_INIT_TIMEOUT", "2.5", "client_init_timeout", 2.5),
        ("FASTMCP_STATELESS_HTTP", "on", "stateless_http", True),
    ],
)
def test_a_variable_sets_its_setting(variable: str, text: str, name: str, value: Any) -> None:
    assert getattr(Settings({variable: text}), name) == value


@pytest.mark.parametrize(
    ("variable", "text", "complaint"),
    [
        ("FASTMCP_LOG_LEVEL", "loud", "FASTMCP_LOG_LEVEL='loud' is none of DEBUG, INFO"),
        ("FASTMCP_MASK_ERROR_DETAILS", "maybe", "is neither true nor false"),
        ("FASTMCP_ON_DUPLICATE_PROMPTS", "explode", "is none of warn, replace, error, ignore"),
        ("FASTMCP_PORT", "eighty", "FASTMCP_PORT='eighty' is no port"),
        ("FASTMCP_PORT", "70000", "is no port"),
        ("FASTMCP_CLIENT_INIT_TIMEOUT", "nan", "is no number of seconds"),
        ("FASTMCP_INCLUDE_TAGS", "[1]", "is a list of names"),
    ],
)
def test_a_value_that_means_nothing_is_refused_by_its_variables_name(variable: str, text: str, complaint: str) -> None:
    with pytest.raises(SettingsError, match=complaint):
        Settings({variable: text})


def test_other_peoples_variables_are_left_alone() -> None:
    assert Settings({"STOA_PORT": "1", "PORT": "2", "FASTMCP_UNKNOWN": "3"}).model_dump() == Settings({}).model_dump()


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(TypeError, match="no setting 'prot'"):
        Settings({}, prot=1)


def test_a_server_takes_what_its_constructor_does_not_say_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "strict_input_validation", True)
    monkeypatch.setattr(settings, "on_duplicate_tools", "error")
    monkeypatch.setattr(settings, "include_tags", {"public"})

    mcp = FastMCP()
    mcp.tool(lambda: 1, name="n")

    assert mcp.strict_input_validation
    with pytest.raises(ValueError, match="already exists"):
        mcp.tool(lambda: 2, name="n")


@pytest.mark.fastmcp("S-04", status="safer")
def test_an_explicit_false_beats_a_setting_that_is_true(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "mask_error_details", True)

    assert FastMCP().mask_error_details
    assert not FastMCP(mask_error_details=False).mask_error_details


@pytest.mark.fastmcp("S-09", "S-10", status="document")
async def test_tag_filters_of_the_settings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "exclude_tags", {"internal"})

    mcp, open_to_all = FastMCP(), FastMCP(exclude_tags=set())
    for server in (mcp, open_to_all):
        server.tool(lambda: 1, name="n", tags={"internal"})

    assert await mcp.list_tools() == []
    assert len(await open_to_all.list_tools()) == 1


def test_the_environment_reaches_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTMCP_MASK_ERROR_DETAILS", "true")

    program = "from mcp_runtime.framework import FastMCP; print(FastMCP().mask_error_details)"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert answer.stdout == "True\n"


def test_the_environment_is_read_at_the_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Settings()
    mine.port = 1

    monkeypatch.setenv("FASTMCP_HOST", "0.0.0.0")
    monkeypatch.setenv("FASTMCP_PORT", "9")

    assert (mine.host, mine.port) == ("0.0.0.0", 1)
    with pytest.raises(AttributeError, match="no setting 'prot'"):
        _ = mine.prot


def test_what_was_read_can_be_forgotten_and_what_was_assigned_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Settings()
    before = (mine.host, mine.port)
    mine.port = 1

    monkeypatch.setenv("FASTMCP_HOST", "0.0.0.0")
    monkeypatch.setenv("FASTMCP_PORT", "9")
    mine.forget()

    assert before == ("127.0.0.1", 8000)
    assert (mine.host, mine.port) == ("0.0.0.0", 1)


async def test_a_client_waits_for_its_server_as_long_as_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "client_init_timeout", 0.01)

    class Slow(Middleware):
        async def on_request(self, context: Any, call_next: Any) -> Any:
            await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="Failed to initialize server session"):
        async with Client(FastMCP(middleware=[Slow()])):
            pass
