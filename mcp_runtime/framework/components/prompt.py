"""Prompts: templates of messages for a model (FASTMCP 1.5)."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Generic

from mcp_runtime.framework import types
from mcp_runtime.framework.components.base import Component, FunctionComponent, P, R, given_name, plain_function
from mcp_runtime.framework.context import Context, current_context
from mcp_runtime.framework.errors import ValidationError
from mcp_runtime.framework.functions.arguments import Arguments
from mcp_runtime.framework.functions.bounds import check_blocks
from mcp_runtime.framework.functions.calling import call_function
from mcp_runtime.framework.functions.docstrings import description_of
from mcp_runtime.framework.functions.results import as_blocks, as_json
from mcp_runtime.framework.functions.schemas import Schema
from mcp_runtime.framework.functions.signature import Signature
from mcp_runtime.framework.types import InputRequiredResult, PromptArgument, PromptMessage, TextContent, plain

__all__ = (
    "AssistantMessage",
    "FunctionPrompt",
    "Message",
    "MissingArguments",
    "Prompt",
    "PromptResult",
    "UserMessage",
)


class MissingArguments(ValidationError):
    """Required arguments were not given."""


class Message(PromptMessage):
    """A message of a prompt: `Message("text", role="assistant")`; any content block or value for the text."""

    def __init__(self, content: Any, role: str = "user") -> None:
        super().__init__(role=role, content=_block(content))


class UserMessage(Message):
    """A message of the user, in the SDK's spelling."""

    def __init__(self, content: Any, role: str = "user") -> None:
        super().__init__(content, role)


class AssistantMessage(Message):
    """A message of the model, in the SDK's spelling."""

    def __init__(self, content: Any, role: str = "assistant") -> None:
        super().__init__(content, role)


class PromptResult:
    """What a prompt gives: messages, a description, `_meta`. A plain list of messages does as well."""

    input_required: InputRequiredResult | None = None
    """What the prompt needs to know first; then there are no messages yet (PROTOCOL MR-01)."""

    def __init__(
        self,
        messages: str | Iterable[Any] = (),
        description: str | None = None,
        meta: dict[str, Any] | None = None,
    ) -> None:
        self.messages = _messages(messages if isinstance(messages, str) else list(messages))
        self.description = description
        self.meta = meta

    def to_wire(self) -> dict[str, Any]:
        """The result of `prompts/get`."""
        if self.input_required is not None:
            return self.input_required.to_wire()
        result: dict[str, Any] = {"messages": plain(self.messages)}
        if self.description is not None:
            result["description"] = self.description
        if self.meta:
            result["_meta"] = self.meta
        return result


class Prompt(Component):
    """A prompt with arguments of its own. Subclass it and write `render`, or make one from a function."""

    noun: ClassVar[str] = "prompt"

    def __init__(
        self, *, name: str, arguments: Iterable[PromptArgument | Mapping[str, Any]] | None = None, **common: Any
    ) -> None:
        super().__init__(name=name, **common)
        if arguments is not None or not hasattr(type(self), "arguments"):
            self.arguments = [PromptArgument.from_wire(argument) for argument in arguments or ()]

    arguments: list[PromptArgument]

    @classmethod
    def from_function(cls, fn: Callable[..., Any], name: str | None = None, **options: Any) -> FunctionPrompt[..., Any]:
        """A prompt made from a function, ready for `add_prompt`; takes the options of `@mcp.prompt`."""
        return FunctionPrompt(fn, name=name, **options)

    async def render(self, arguments: dict[str, Any]) -> Any:
        """The messages. Raise PromptError for what clients should read."""
        raise NotImplementedError(f"{type(self).__name__} does not say its messages: give it an async render().")

    async def result(self, arguments: Mapping[str, Any], context: Context) -> PromptResult:
        """The messages inside a request."""
        missing = [argument.name for argument in self.arguments if argument.required and argument.name not in arguments]
        if missing:
            raise MissingArguments(f"Missing required arguments: {', '.join(missing)}")
        value = await self._rendered(arguments, context)
        if isinstance(value, InputRequiredResult):
            asking = PromptResult()
            asking.input_required = value
            return asking
        result = value if isinstance(value, PromptResult) else PromptResult(_messages(value))
        if result.description is None:
            result.description = self.description
        check_blocks(message.content for message in result.messages)
        return result

    async def _rendered(self, arguments: Mapping[str, Any], context: Context) -> Any:
        return await self.render(dict(arguments))

    def to_mcp_prompt(self, **changes: Any) -> types.Prompt:
        """What clients are told, as the protocol's type; `changes` replace members."""
        return types.Prompt(**{**self.definition(), **changes})

    def definition(self, *, framework_meta: bool = True) -> dict[str, Any]:
        definition: dict[str, Any] = {"name": self.name}
        if self.arguments:
            definition["arguments"] = plain(self.arguments)
        return self._describe(definition, framework_meta=framework_meta)


class FunctionPrompt(FunctionComponent[P, R], Prompt, Generic[P, R]):
    """A prompt made from a function."""

    def __init__(
        self, fn: Callable[P, R], *, name: str | None = None, description: str | None = None, **common: Any
    ) -> None:
        function = plain_function(fn, noun="prompt")
        document = description_of(function)
        self._signature = Signature(function, noun="prompt")
        self._arguments = Arguments(self._signature, document=document)
        super().__init__(
            name=given_name(name, function, noun="prompt"),
            description=document if description is None else description,
            **common,
        )
        self._adopt(function)

    @functools.cached_property
    def arguments(self) -> list[PromptArgument]:  # type: ignore[override]  # worked out when first read
        schema = self._arguments.schema
        required = schema.get("required", [])
        definitions = schema.get("$defs")
        return [
            PromptArgument(
                name=name,
                description=_argument_description(described, definitions),
                required=name in required,
            )
            for name, described in schema["properties"].items()
        ]

    async def render(self, arguments: dict[str, Any]) -> Any:
        return await self._value(arguments, current_context())

    async def _rendered(self, arguments: Mapping[str, Any], context: Context) -> Any:
        return await self._value(arguments, context)

    async def _value(self, arguments: Mapping[str, Any], context: Context | None) -> Any:
        values = self._arguments.validate(self._decoded(arguments))
        return await call_function(self._signature, values, context)

    def _decoded(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Clients send texts; where the parameter is not a text, a JSON text is read (FASTMCP P-10)."""
        properties = self._arguments.schema["properties"]
        return {
            name: _from_json(value) if isinstance(value, str) and not _takes_text(properties.get(name, {})) else value
            for name, value in arguments.items()
        }


def _argument_description(schema: Schema, definitions: Schema | None) -> str | None:
    described: str | None = schema.get("description")
    if _takes_text(schema):
        return described
    shown = {key: value for key, value in schema.items() if key not in ("description", "default")}
    if definitions and "$ref" in str(shown):
        shown["$defs"] = definitions
    if not shown:
        return described
    hint = f"Provide as a JSON string matching the following schema: {as_json(shown)}"
    return f"{described}\n\n{hint}" if described else hint


def _takes_text(schema: Schema) -> bool:
    """Whether a text is given as it is: for strings, optional ones among them, and where nothing is declared."""
    if not schema or schema.get("type") == "string":
        return True
    return any(option.get("type") == "string" for option in schema.get("anyOf", ()))


def _from_json(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text  # not JSON: the validator says whether the text itself will do


def _messages(value: Any) -> list[PromptMessage]:
    """Messages for what a prompt function returned (FASTMCP P-20 to P-23)."""
    if isinstance(value, (list, tuple)):
        return [message for item in value for message in _messages_of_item(item)]
    return _messages_of_item(value)


def _messages_of_item(value: Any) -> list[PromptMessage]:
    if value is None:
        return []
    if isinstance(value, PromptMessage):
        return [value]
    return [PromptMessage(role="user", content=_block(value))]


def _block(content: Any) -> Any:
    if isinstance(content, dict) and isinstance(content.get("type"), str):
        return content  # PromptMessage reads it
    blocks = as_blocks(content)
    return blocks[0] if len(blocks) == 1 else TextContent(text=as_json(content))
