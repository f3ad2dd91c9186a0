"""`inspect`: what a server offers, and what good practice would change (FASTMCP 1.14).

Advice is about what a platform can see. It never stops a server from being run or deployed.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mcp_runtime.framework.server import FastMCP

__all__ = ("Advice", "advice", "report")

_BLOCKING = {
    "time.sleep": "asyncio.sleep",
    "requests.get": "httpx.AsyncClient",
    "requests.post": "httpx.AsyncClient",
    "requests.put": "httpx.AsyncClient",
    "requests.delete": "httpx.AsyncClient",
    "requests.request": "httpx.AsyncClient",
    "urllib.request.urlopen": "httpx.AsyncClient",
    "subprocess.run": "asyncio.create_subprocess_exec",
    "subprocess.check_output": "asyncio.create_subprocess_exec",
    "os.system": "asyncio.create_subprocess_exec",
    "open": "asyncio.to_thread or aiofiles",
    "socket.create_connection": "asyncio.open_connection",
}
_STACK_TRACES = ("traceback.format_exc", "traceback.format_exception", "traceback.print_exc")
_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|api_?key|token|private_?key)$")
_SECRET_VALUE = re.compile(r"^(?!.*(example|changeme|your-|<|\$\{))[A-Za-z0-9+/_\-.=]{16,}$")
_SIMPLE = {"str", "int", "float", "bool", "None", "NoneType"}


@dataclass(frozen=True)
class Advice:
    """One thing that could be better."""

    rule: str
    """The row of the inventory."""
    component: str
    message: str


async def report(server: FastMCP) -> dict[str, Any]:
    """The server and its components, as JSON."""
    from mcp_runtime.framework.serving import describe

    manifest = await describe(server)
    return {
        "server": {
            "name": server.name,
            "version": server.version,
            "instructions": server.instructions,
            "auth": None if server.auth is None else type(server.auth).__name__,
        },
        "tools": manifest.tools,
        "resources": manifest.resources,
        "resourceTemplates": manifest.resource_templates,
        "prompts": manifest.prompts,
        "advice": [asdict(one) for one in await advice(server)],
    }


async def advice(server: FastMCP) -> list[Advice]:
    """What good practice would change, in the order of the components."""
    found: list[Advice] = []
    for tool in await server.list_tools():
        found += _of_function("tool", tool.name, getattr(tool, "fn", None), returns="G-06")
    resources = [*await server.list_resources(), *await server.list_resource_templates()]
    for resource in resources:
        found += _of_function("resource", resource.name, getattr(resource, "fn", None), hints="", waits="G-09")
        found += _of_resource(resource)
    found += _of_schemes([str(getattr(one, "uri", None) or getattr(one, "uri_template", "")) for one in resources])
    for prompt in await server.list_prompts():
        found += _of_function("prompt", prompt.name, getattr(prompt, "fn", None), hints="", waits="G-15")
        found += _of_prompt(prompt)
    return found + list(_of_server(server, resources))


def _of_function(
    kind: str,
    name: str,
    fn: Callable[..., Any] | None,
    *,
    hints: str = "G-01",
    returns: str = "",
    waits: str = "G-07",
) -> Iterator[Advice]:
    if fn is None:
        return
    here = f"{kind} {name}"
    if kind == "tool" and not inspect.getdoc(fn):
        yield Advice("G-02", here, "It has no docstring: models choose tools by what it says.")
    parameters = inspect.signature(fn).parameters.values()
    bare = [one.name for one in parameters if one.annotation is one.empty]
    if hints and bare:
        yield Advice(hints, here, f"No type hint for {', '.join(bare)}: clients are told that anything goes.")
    if returns and inspect.signature(fn).return_annotation is inspect.Signature.empty:
        yield Advice(returns, here, "No return type: clients get no schema of its result.")
    for call, instead in _calls(fn):
        if call in _STACK_TRACES:
            yield Advice("G-42", here, f"{call}() shows callers the inside: raise ToolError with words for them.")
        elif inspect.iscoroutinefunction(fn):
            yield Advice(waits, here, f"{call}() stops everything else while it waits: use {instead}.")


def _of_resource(resource: Any) -> Iterator[Advice]:
    here = f"resource {resource.name}"
    if not getattr(resource, "tags", None):
        yield Advice("G-11", here, "It has no tags: they sort what a server offers, and filters go by them.")
    if not getattr(resource, "annotations", None):
        yield Advice("G-10", here, "It has no annotations: readOnlyHint and idempotentHint help clients.")
    template = str(getattr(resource, "uri_template", "") or "")
    if re.search(r"\{\w+\*\}", template) and getattr(resource, "security", True) is None:
        yield Advice("G-40", here, "security=None lets a wildcard leave its folder: '..' and absolute paths pass.")


def _of_schemes(uris: list[str]) -> Iterator[Advice]:
    schemes = sorted({urlsplit(uri).scheme for uri in uris if "://" in uri})
    if len(schemes) > 3:
        yield Advice("G-08", "server", f"Its resources have {len(schemes)} URI schemes: {', '.join(schemes)}.")


def _of_prompt(prompt: Any) -> Iterator[Advice]:
    here = f"prompt {prompt.name}"
    undescribed = [one.name for one in prompt.arguments or () if not one.description]
    if undescribed:
        yield Advice("G-14", here, f"No description of {', '.join(undescribed)}: use Field(description=…).")
    fn = getattr(prompt, "fn", None)
    complex_ones = [
        one.name
        for one in (inspect.signature(fn).parameters.values() if fn is not None else ())
        if one.annotation is not one.empty and not _is_simple(one.annotation)
    ]
    if complex_ones:
        yield Advice("G-13", here, f"{', '.join(complex_ones)}: clients send texts, and must write these as JSON.")


def _of_server(server: FastMCP, resources: list[Any]) -> Iterator[Advice]:
    if not server.mask_error_details:
        yield Advice("G-41", "server", "mask_error_details=True keeps the text of unexpected errors from callers.")
    if server.auth is None and any(_SECRET_NAME.search(str(one.name)) for one in resources):
        yield Advice("G-12", "server", "A resource is named like a secret, and auth= lets everybody in.")
    names = [type(one).__name__ for one in getattr(server, "middleware", ())]
    if names and "RateLimitingMiddleware" not in names and "SlidingWindowRateLimitingMiddleware" not in names:
        yield Advice("G-24", "server", "It has middleware, and none that limits rates.")
    for name, line in _secrets(server):
        yield Advice("G-20", "server", f"{name} in line {line} looks like a secret in the code: read os.environ.")


def _calls(fn: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    """Calls in a function's own body that block or show the inside, and what to use instead."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(fn))))
    except (OSError, TypeError, SyntaxError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in _BLOCKING or name in _STACK_TRACES:
                yield name, _BLOCKING.get(name, "")


def _secrets(server: FastMCP) -> Iterator[tuple[str, int]]:
    """Names like PASSWORD that are given a text at the top of the modules of the server's tools."""
    import sys

    modules = {getattr(tool, "fn", None).__module__ for tool in server._tools if getattr(tool, "fn", None) is not None}
    for module in sorted(modules):
        file = getattr(sys.modules.get(module), "__file__", None)
        if file is None:
            continue
        with open(file, encoding="utf-8") as source:
            tree = ast.parse(source.read())
        for node in tree.body:
            if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)):
                continue
            for target in node.targets:
                name = target.id if isinstance(target, ast.Name) else ""
                if _SECRET_NAME.search(name) and _SECRET_VALUE.match(str(node.value.value)):
                    yield name, node.lineno


def _is_simple(annotation: Any) -> bool:
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    text = re.sub(r"Annotated\[([^,]+),.*\]$", r"\1", text)
    return all(part.strip() in _SIMPLE or part.strip().endswith("Context") for part in text.split("|"))
