"""Packages that a server imports without asking for them, because they came with FastMCP.

Where `fastmcp` is installed, so are the packages that it stands on, and servers use them: above all `httpx`. Here the
framework is the platform's and brings none of them. So one that the code imports is installed as if it had been
required, unless the project requires it itself or has a module of that name.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

CAME_WITH_FASTMCP: Mapping[str, str] = MappingProxyType(
    {
        "anyio": "anyio",
        "attr": "attrs",
        "authlib": "authlib",
        "cachetools": "cachetools",
        "cryptography": "cryptography",
        "cyclopts": "cyclopts",
        "dotenv": "python-dotenv",
        "email_validator": "email-validator",
        "exceptiongroup": "exceptiongroup",
        "h11": "h11",
        "httpcore": "httpcore",
        "httpx": "httpx",
        "httpx2": "httpx2",
        "httpx_sse": "httpx-sse",
        "joserfc": "joserfc",
        "jsonref": "jsonref",
        "jsonschema": "jsonschema",
        "jwt": "pyjwt[crypto]",
        "multipart": "python-multipart",
        "openapi_pydantic": "openapi-pydantic",
        "opentelemetry": "opentelemetry-api",
        "packaging": "packaging",
        "platformdirs": "platformdirs",
        "pydantic_settings": "pydantic-settings",
        "pyperclip": "pyperclip",
        "referencing": "referencing",
        "rich": "rich",
        "sniffio": "sniffio",
        "sse_starlette": "sse-starlette",
        "starlette": "starlette",
        "uvicorn": "uvicorn",
        "watchfiles": "watchfiles",
        "websockets": "websockets",
        "yaml": "pyyaml",
    }
)
"""What is imported, and what is installed for it: what FastMCP 2 to 4 and the SDK require, directly or nearly so."""


def companions(trees: Iterable[ast.Module], declared: Iterable[str], folder: Path) -> tuple[str, ...]:
    """What to install beside the `declared` requirements of a project in `folder`, whose files are `trees`."""
    asked = {_name(line) for line in declared}
    imported = {name for tree in trees for name in _imported(tree.body)}
    return tuple(
        sorted(
            package
            for name, package in CAME_WITH_FASTMCP.items()
            if name in imported
            and _name(package) not in asked
            and not (folder / f"{name}.py").exists()
            and not (folder / name).exists()
        )
    )


def _imported(body: Iterable[ast.AST]) -> Iterator[str]:
    """Top-level names of what is imported for certain: an import inside of `try` may fail, and is meant to."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0 and node.module:
                yield node.module.partition(".")[0]
        elif isinstance(node, ast.Try):
            waiting += [*node.orelse, *node.finalbody] if node.handlers else [*node.body, *node.finalbody]
        else:
            waiting += ast.iter_child_nodes(node)


def _name(line: str) -> str:
    found = re.match(r"\s*([A-Za-z0-9._-]+)", line)
    return "" if found is None else re.sub(r"[-_.]+", "-", found[1]).lower()
