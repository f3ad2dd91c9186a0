"""Tool arguments from the command line: `key=text` and `key:=json`."""

from __future__ import annotations

import json
import re

from controlplane.cli.errors import CliError

_ARGUMENT = re.compile(r"(?P<name>[^=:\s][^=:]*?)(?P<json>:?)=(?P<value>.*)", re.DOTALL)


def parse(texts: list[str], schema: dict[str, object] | None = None) -> dict[str, object]:
    """The arguments of a call. Text is turned into what the tool's schema asks for, when that is a plain scalar."""
    arguments: dict[str, object] = {}
    for text in texts:
        match = _ARGUMENT.fullmatch(text)
        if match is None:
            raise CliError(
                f"'{text}' is no argument.", hint="Write -a name=text, or -a name:=json for numbers, lists and objects."
            )
        name = match["name"]
        if name in arguments:
            raise CliError(f"The argument '{name}' is given twice.", hint="Give a list as JSON: -a name:='[1, 2]'.")
        arguments[name] = _json(name, match["value"]) if match["json"] else _typed(match["value"], _type(schema, name))
    return arguments


def _json(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise CliError(
            f"The value of '{name}' is not JSON: {error}", hint=f"Text needs no colon: -a {name}={text[:40]}"
        ) from error


def _type(schema: dict[str, object] | None, name: str) -> object:
    properties = (schema or {}).get("properties")
    described = properties.get(name) if isinstance(properties, dict) else None
    return described.get("type") if isinstance(described, dict) else None


def _typed(text: str, kind: object) -> object:
    """`-a a=1` is the number 1 for a tool that wants a number. What does not fit stays text: the tool says so best."""
    if kind in ("integer", "number", "boolean", "array", "object"):
        try:
            value: object = json.loads(text)
        except ValueError:
            return text
        return value if not isinstance(value, str) else text
    return text
