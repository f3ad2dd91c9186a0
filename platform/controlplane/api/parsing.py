"""How bodies are read: by the platform's one strict reader of JSON (ARCHITECTURE 6.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from mcp_runtime.protocol import codec
from mcp_runtime.protocol.errors import ParseError as StrictParseError


class StrictParser(JSONParser):
    """UTF-8 whatever the charset says (RFC 8259); no surrogates, repeated keys, depths, NaN or endless integers."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return codec.read(stream.read())
        except StrictParseError as error:
            raise ParseError(f"The body is not JSON that is read here: {error.message}") from None
