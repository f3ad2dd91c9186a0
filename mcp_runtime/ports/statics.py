"""A server made of data alone: texts, files and prompts, as a gateway serves them."""

from __future__ import annotations

from typing import Literal

import msgspec


class Content(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A resource's: text, or bytes in Base64."""

    text: str | None = None
    blob: str | None = None
    mime_type: str = ""


class Message(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Of a prompt. `{{name}}` stands for the argument `name`."""

    text: str
    role: Literal["user", "assistant"] = "user"


class Static(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    contents: dict[str, Content] = {}
    """By URI."""
    prompts: dict[str, tuple[Message, ...]] = {}
    """By name."""
