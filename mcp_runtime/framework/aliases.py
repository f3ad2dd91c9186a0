"""`import fastmcp`, `mcp.types`, `key_value.aio` and their like, resolved to this framework (FASTMCP 0.1, 0.2).

`install()` puts a finder in front of the others: inside a sandbox, servers written for FastMCP load unchanged. A
distribution that the server's own requirements pin is left alone: `install(pinned={"fastmcp"})`. Nothing happens
before `install()` is called; a program that uses the real packages beside ours never sees the aliases.

Modules are views: names are looked up where they live when first used, so that installing costs nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from mcp_runtime.framework.storage.names import MODULES as STORAGE
from mcp_runtime.framework.storage.names import OURS as STORAGE_OURS

__all__ = ("TOPS", "install", "uninstall")

TOPS = ("fastmcp", "key_value", "mcp")
"""The top-level packages that resolve to ours."""

_FRAMEWORK = "mcp_runtime.framework"
_TYPES = f"{_FRAMEWORK}.types"
_CLIENT = "mcp_runtime.client"
_PROTOCOL_ERRORS = "mcp_runtime.protocol.errors"


def install(pinned: Collection[str] = ()) -> None:
    """Resolve the names from now on, except those of the distributions in `pinned`. Again changes the choice."""
    left = {name.lower().replace("_", "-") for name in pinned}
    if "fastmcp" in left:
        left.add("mcp")  # the real one stands on it
    if "py-key-value-aio" in left:
        left.add("key_value")
    tops = set(TOPS) - left
    if any(isinstance(finder, _Finder) and finder.tops == tops for finder in sys.meta_path):
        return
    uninstall()
    if tops:
        sys.meta_path.insert(0, _Finder(tops))


def uninstall() -> None:
    """Take the finder away, and the modules it made."""
    kept = [finder for finder in sys.meta_path if not isinstance(finder, _Finder)]
    if len(kept) == len(sys.meta_path):
        return  # looking at every module would cost a forked worker its shared memory
    sys.meta_path[:] = kept
    for name, module in list(sys.modules.items()):
        if isinstance(module, _Alias):
            del sys.modules[name]


class _Alias(ModuleType):
    """A module whose names live elsewhere."""

    def __getattr__(self, name: str) -> Any:
        home = _names_of(self.__name__).get(name)
        if home is None:
            raise AttributeError(f"{self.__name__}.{name} is not part of this version of the framework")
        module, _, attribute = home.partition(":")
        value = getattr(import_module(module), attribute or name) if attribute != "*" else import_module(module)
        setattr(self, name, value)
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_names_of(self.__name__)})

    def __call__(self, *args: Any, **options: Any) -> Any:
        """`fastmcp.tools.tool` is a module in older versions and a decorator in later ones: ours is both."""
        child = self.__name__.rpartition(".")[2]
        if self.__name__ not in _DECORATING:
            raise TypeError(f"'module' object {self.__name__!r} is not callable")
        return getattr(self, child)(*args, **options)


class _Loader(Loader):
    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Alias(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        names = sorted(_names_of(module.__name__))
        vars(module)["__all__"] = names
        if module.__name__ == "fastmcp":
            vars(module)["__version__"] = "2.14.7"  # the generation whose behaviour the framework keeps


class _Finder(MetaPathFinder):
    def __init__(self, tops: set[str]) -> None:
        self.tops = tops
        self._beside = "key_value" in tops and PathFinder.find_spec("key_value") is not None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self.tops:
            return None
        if self._beside and fullname.startswith("key_value") and fullname not in STORAGE_OURS:
            return None  # the real package is installed, and stands beside ours
        if fullname in _MODULES:
            return ModuleSpec(fullname, _Loader(), is_package=True)
        package = "py-key-value-aio" if fullname.startswith("key_value") else "fastmcp"
        raise ModuleNotFoundError(
            f"{fullname} is not part of this version of the framework. To use the real package instead, "
            f"pin {package} in the server's requirements.",
            name=fullname,
        )


def _names_of(module: str) -> dict[str, str]:
    """Where the names of an alias live: `module:attribute`, or a whole module as `module:*`."""
    names = _MODULES[module]
    found = dict(names) if isinstance(names, dict) else {}
    if isinstance(names, str):
        home = import_module(names)
        found = {name: f"{names}:{name}" for name in getattr(home, "__all__", ())}
    for other in _MODULES:
        parent, _, child = other.rpartition(".")
        if parent == module and child not in found:
            found[child] = f"{other}:*"
    return found


_DECORATING = ("fastmcp.tools.tool", "fastmcp.resources.resource", "fastmcp.prompts.prompt")


def _at(home: str, *names: str) -> dict[str, str]:
    return {name: f"{home}:{name}" for name in names}


_SERVER = _at(f"{_FRAMEWORK}.server", "FastMCP") | _at(f"{_FRAMEWORK}.context", "Context")
_MEDIA = _at(f"{_FRAMEWORK}.media", "Image", "Audio", "File")
_DECORATORS = f"{_FRAMEWORK}.decorators"
_TOOLS = _at(f"{_FRAMEWORK}.components", "Tool", "FunctionTool", "ToolResult") | _at(_DECORATORS, "tool")
_RESOURCES = _at(
    f"{_FRAMEWORK}.components",
    "Resource",
    "FunctionResource",
    "ResourceTemplate",
    "FunctionTemplate",
    "TextResource",
    "BinaryResource",
    "FileResource",
    "HttpResource",
    "DirectoryResource",
) | _at(f"{_FRAMEWORK}.resource_contents", "ResourceContent", "ResourceResult")
_RESOURCES["FunctionResourceTemplate"] = f"{_FRAMEWORK}.components:FunctionTemplate"
_RESOURCES |= _at(_DECORATORS, "resource") | _at(f"{_FRAMEWORK}.components.security", "ResourceSecurity")
_PROMPTS = _at(f"{_FRAMEWORK}.components", "Prompt", "FunctionPrompt", "Message", "PromptResult") | _at(
    _TYPES, "PromptArgument", "PromptMessage", "TextContent"
)
_PROMPTS |= _at(_DECORATORS, "prompt")
_ANSWERS = _at(f"{_FRAMEWORK}.asking.elicitation", "AcceptedElicitation", "DeclinedElicitation", "CancelledElicitation")
_ERRORS = _at(
    f"{_FRAMEWORK}.errors",
    "FastMCPError",
    "ToolError",
    "ResourceError",
    "PromptError",
    "NotFoundError",
    "DisabledError",
    "ValidationError",
    "InvalidSignature",
    "ClientError",
)
_LOGGING = {"get_logger": "logging:getLogger"}
_DEPENDENCIES = _at(
    f"{_FRAMEWORK}.dependencies",
    "AccessToken",
    "CallArgument",
    "CurrentAccessToken",
    "CurrentContext",
    "CurrentFastMCP",
    "CurrentHeaders",
    "CurrentRequest",
    "Dependency",
    "Depends",
    "TokenClaim",
    "get_access_token",
    "get_context",
    "get_http_headers",
    "get_http_request",
)
_CHECKS = _at(
    f"{_FRAMEWORK}.components.access", "AuthCheck", "AuthContext", "require_roles", "require_scopes", "restrict_tag"
)
_LIFESPANS = _at(f"{_FRAMEWORK}.lifespan", "lifespan", "combine_lifespans")
_TASKS = _at(f"{_FRAMEWORK}.components.tasks", "TaskConfig")
_CLIENTS = _at(_CLIENT, "Client", "CallToolResult")
_MCP_ERROR = _at(_PROTOCOL_ERRORS, "McpError")

_MODULES: dict[str, dict[str, str] | str] = {
    "fastmcp": _SERVER | _at(_CLIENT, "Client") | _at(f"{_FRAMEWORK}.settings", "settings", "Settings"),
    "fastmcp.client": _at(_CLIENT, "Client"),
    "fastmcp.client.client": _CLIENTS,
    "fastmcp.client.elicitation": _at(_TYPES, "ElicitResult"),
    "fastmcp.client.logging": _at(f"{_CLIENT}.handlers", "LogMessage"),
    "fastmcp.dependencies": _DEPENDENCIES,
    "fastmcp.exceptions": _ERRORS | _MCP_ERROR,
    "fastmcp.prompts": _PROMPTS,
    "fastmcp.prompts.base": _PROMPTS,
    "fastmcp.prompts.prompt": _PROMPTS,
    "fastmcp.resources": _RESOURCES,
    "fastmcp.resources.base": _RESOURCES,
    "fastmcp.resources.resource": _RESOURCES,
    "fastmcp.resources.security": _RESOURCES,
    "fastmcp.resources.template": _RESOURCES,
    "fastmcp.resources.types": _RESOURCES,
    "fastmcp.server": _SERVER,
    "fastmcp.server.auth": _CHECKS
    | _at(f"{_FRAMEWORK}.auth", "AccessToken", "AuthProvider", "MultiAuth", "RemoteAuthProvider", "TokenVerifier"),
    "fastmcp.server.context": _at(f"{_FRAMEWORK}.context", "Context") | _ANSWERS,
    "fastmcp.server.dependencies": _DEPENDENCIES,
    "fastmcp.server.elicitation": _ANSWERS,
    "fastmcp.server.lifespan": _LIFESPANS,
    "fastmcp.server.server": _SERVER,
    "fastmcp.server.tasks": _TASKS,
    "fastmcp.server.tasks.config": _TASKS,
    "fastmcp.tools": _TOOLS,
    "fastmcp.tools.base": _TOOLS,
    "fastmcp.tools.tool": _TOOLS,
    "fastmcp.utilities": {},
    "fastmcp.utilities.lifespan": _LIFESPANS,
    "fastmcp.utilities.logging": _LOGGING,
    "fastmcp.utilities.tasks": _TASKS,
    "fastmcp.utilities.types": _MEDIA,
    "fastmcp.utilities.versions": _at(f"{_FRAMEWORK}.components.versions", "VersionSpec"),
    "mcp": _MCP_ERROR,
    "mcp.server": {},
    "mcp.server.fastmcp": _SERVER | _MEDIA,
    "mcp.shared": {},
    "mcp.shared.exceptions": _MCP_ERROR,
    "mcp.types": _TYPES,
    **STORAGE,
}
