"""Import names (FASTMCP 0.1, 0.2)."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import pytest

from mcp_runtime.framework import FastMCP, aliases
from mcp_runtime.framework.components import FunctionTool, ToolResult
from mcp_runtime.framework.settings import settings
from mcp_runtime.framework.types import TextContent
from tests.support.names import real_packages_aside

TOPS = ("fastmcp", "mcp", "mcp_types")


class _Installed(MetaPathFinder):
    """Has both packages, whatever is installed here."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, None, origin="installed") if fullname in TOPS else None


@pytest.fixture(autouse=True)
def others_modules() -> Iterator[None]:
    with real_packages_aside():
        yield


DOCUMENTED = [
    ("fastmcp", ["FastMCP", "Client", "Context"]),
    ("fastmcp.exceptions", ["ToolError", "ResourceError", "NotFoundError", "ValidationError", "FastMCPError"]),
    ("fastmcp.tools", ["Tool"]),
    ("fastmcp.tools.tool", ["Tool", "FunctionTool", "ToolResult"]),
    ("fastmcp.resources", ["TextResource", "FileResource", "HttpResource", "DirectoryResource", "ResourceTemplate"]),
    ("fastmcp.prompts", ["Prompt", "Message"]),
    ("fastmcp.prompts.prompt", ["Message", "PromptResult", "PromptMessage"]),
    ("fastmcp.server", ["FastMCP", "Context"]),
    ("fastmcp.server.context", ["Context"]),
    ("fastmcp.server.dependencies", ["get_context", "get_http_request", "get_http_headers", "get_access_token"]),
    ("fastmcp.server.elicitation", ["AcceptedElicitation", "DeclinedElicitation", "CancelledElicitation"]),
    ("fastmcp.client", ["Client"]),
    ("fastmcp.client.logging", ["LogMessage"]),
    ("fastmcp.utilities.types", ["Image", "Audio", "File"]),
    ("fastmcp.utilities.logging", ["get_logger"]),
    ("mcp", ["McpError", "types"]),
    ("mcp.types", ["TextContent", "Icon", "ToolAnnotations", "PromptMessage", "INVALID_PARAMS", "ErrorData"]),
    ("mcp.server.fastmcp", ["FastMCP", "Context", "Image"]),
    ("mcp.shared.exceptions", ["McpError"]),
    ("mcp_types", ["Completion", "PromptReference"]),
    ("fastmcp.apps", ["AppConfig", "ResourceCSP"]),
    ("fastmcp.dependencies", ["Shared"]),
    ("fastmcp.server.providers", ["AggregateProvider", "FileSystemProvider", "LocalProvider"]),
    ("fastmcp.server.providers.skills", ["SkillProvider", "SkillsDirectoryProvider"]),
    ("fastmcp.server.transforms", ["PromptsAsTools", "ResourcesAsTools", "VersionFilter"]),
    ("fastmcp.server.transforms.search", ["BM25SearchTransform", "RegexSearchTransform"]),
]


@pytest.mark.parametrize(("module", "names"), DOCUMENTED, ids=[module for module, _ in DOCUMENTED])
def test_documented_names_resolve_to_ours(module: str, names: list[str]) -> None:
    aliases.install()

    imported = importlib.import_module(module)

    for name in names:
        assert getattr(imported, name) is not None
    assert not hasattr(imported, "__file__")


def test_the_names_are_the_same_objects_as_ours() -> None:
    aliases.install()

    assert importlib.import_module("fastmcp").FastMCP is FastMCP
    assert importlib.import_module("fastmcp.tools.tool").ToolResult is ToolResult
    assert importlib.import_module("mcp.types").TextContent is TextContent


def test_a_submodule_is_an_attribute_of_its_package() -> None:
    aliases.install()

    assert importlib.import_module("mcp").types.TextContent is TextContent


@pytest.mark.parametrize("first", [False, True], ids=["alone", "after the module of the same name"])
def test_a_decorator_and_the_module_of_its_name_are_both_there(first: bool) -> None:
    aliases.install()
    namespace: dict[str, Any] = {}

    if first:
        importlib.import_module("fastmcp.tools.tool")
    exec("from fastmcp.tools import tool\n@tool\ndef add(a: int) -> int:\n    return a", namespace)

    assert isinstance(namespace["add"], FunctionTool)
    assert importlib.import_module("fastmcp.tools.tool").ToolResult is ToolResult


def test_the_settings_are_an_object() -> None:
    aliases.install()

    assert importlib.import_module("fastmcp").settings is settings


def test_a_star_import_brings_the_names() -> None:
    aliases.install()
    namespace: dict[str, object] = {}

    exec("from mcp.types import *", namespace)

    assert namespace["TextContent"] is TextContent


def test_a_module_that_is_not_there_is_named_with_the_remedy() -> None:
    aliases.install()

    with pytest.raises(ModuleNotFoundError, match=r"fastmcp\.contrib is not part .* pin fastmcp"):
        importlib.import_module("fastmcp.contrib")


def test_a_name_that_is_not_there_is_an_import_error() -> None:
    aliases.install()

    with pytest.raises(ImportError):
        exec("from fastmcp import Nothing")


@pytest.mark.parametrize(
    ("pinned", "real"),
    [({"fastmcp"}, {"fastmcp", "mcp", "mcp_types"}), ({"mcp"}, {"mcp", "mcp_types"}), (set(), set())],
)
def test_a_pinned_distribution_is_left_alone(pinned: set[str], real: set[str]) -> None:
    sys.meta_path.insert(0, _Installed())
    aliases.install(pinned=pinned)

    found = {name for name in TOPS if (spec := importlib.util.find_spec(name)) is not None and spec.origin}
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _Installed)]

    assert found == real


def test_nothing_changes_until_it_is_asked_for() -> None:
    assert not any(type(finder).__module__ == aliases.__name__ for finder in sys.meta_path)


def test_uninstalling_leaves_no_trace() -> None:
    aliases.install()
    importlib.import_module("fastmcp.tools.tool")

    aliases.uninstall()

    assert [name for name in sys.modules if name.partition(".")[0] in TOPS] == []


def test_the_sdks_prompt_messages_are_there() -> None:
    aliases.install()

    base = importlib.import_module("mcp.server.fastmcp.prompts.base")

    assert [base.UserMessage("a").role, base.AssistantMessage("b").role] == ["user", "assistant"]
