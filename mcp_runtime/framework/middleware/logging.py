"""Requests in the log, as lines of key=value or of JSON (FASTMCP M-22, M-23).

Payloads are logged when asked for, and without their secrets: values under names like `password`, `token` or
`api_key` and what looks like a credential become `[redacted]`. `redact=False` logs them as they are.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Collection
from typing import Any

from mcp_runtime.framework.functions.results import as_json
from mcp_runtime.framework.middleware.base import CallNext, Middleware, MiddlewareContext
from mcp_runtime.framework.middleware.redaction import redacted
from mcp_runtime.framework.types import Model

__all__ = ("LoggingMiddleware", "StructuredLoggingMiddleware", "default_serializer")


def default_serializer(payload: Any) -> str:
    """A payload as compact JSON."""
    return as_json(payload.to_wire() if isinstance(payload, Model) else payload)


class LoggingMiddleware(Middleware):
    """Two lines for each message: `event=request_start method=tools/call …` and `event=request_success …`."""

    structured = False
    _logger_name = "fastmcp.requests"

    def __init__(
        self,
        *,
        logger: logging.Logger | None = None,
        log_level: int = logging.INFO,
        include_payloads: bool = False,
        include_payload_length: bool = False,
        estimate_payload_tokens: bool = False,
        max_payload_length: int | None = 1000,
        methods: Collection[str] | None = None,
        payload_serializer: Callable[[Any], str] | None = None,
        redact: bool | Callable[[Any], Any] = True,
    ) -> None:
        self.logger = logger or logging.getLogger(self._logger_name)
        self.log_level = log_level
        self.include_payloads = include_payloads
        self.include_payload_length = include_payload_length
        self.estimate_payload_tokens = estimate_payload_tokens
        self.max_payload_length = max_payload_length
        self.methods = None if methods is None else set(methods)
        self.payload_serializer = payload_serializer
        self._redact = redact if callable(redact) else (redacted if redact else None)

    async def on_message(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        if self.methods is not None and context.method not in self.methods:
            return await call_next(context)
        self._log(self.log_level, {"event": f"{context.type}_start", **self._about(context)})
        began = time.perf_counter()
        try:
            result = await call_next(context)
        except Exception as error:
            self._log(
                logging.ERROR,
                {
                    "event": f"{context.type}_error",
                    "method": context.method or "unknown",
                    "source": context.source,
                    "duration_ms": _milliseconds(began),
                    "error": str(self._clean(str(error)))[: self.max_payload_length],
                    "error_type": type(error).__name__,
                },
            )
            raise
        self._log(
            self.log_level,
            {
                "event": f"{context.type}_success",
                "method": context.method or "unknown",
                "source": context.source,
                "duration_ms": _milliseconds(began),
            },
        )
        return result

    def _about(self, context: MiddlewareContext[Any]) -> dict[str, Any]:
        said: dict[str, Any] = {"method": context.method or "unknown", "source": context.source}
        if not (self.include_payloads or self.include_payload_length or self.estimate_payload_tokens):
            return said
        text = self._payload(context.message)
        if self.include_payload_length:
            said["payload_length"] = len(text)
        if self.estimate_payload_tokens:
            said["payload_tokens"] = len(text) // 4
        if self.include_payloads:
            if self.max_payload_length is not None and len(text) > self.max_payload_length:
                text = text[: self.max_payload_length] + "…"
            said["payload"] = text
            said["payload_type"] = type(context.message).__name__
        return said

    def _payload(self, message: Any) -> str:
        cleaned = self._clean(message)
        if self.payload_serializer is None:
            return default_serializer(cleaned)
        try:
            return self.payload_serializer(cleaned)
        except Exception as error:  # noqa: BLE001 - the author's own code, and the request goes on
            self.logger.warning("The payload_serializer failed: %s", type(error).__name__)
            return default_serializer(cleaned)

    def _clean(self, value: Any) -> Any:
        return value if self._redact is None else self._redact(value)

    def _log(self, level: int, said: dict[str, Any]) -> None:
        if not self.logger.isEnabledFor(level):
            return
        if self.structured:
            line = json.dumps(said, ensure_ascii=False, default=str)
        else:
            line = " ".join(f"{key}={_one_line(value)}" for key, value in said.items())
        self.logger.log(level, "%s", line)


class StructuredLoggingMiddleware(LoggingMiddleware):
    """The same as one JSON object a line."""

    structured = True
    _logger_name = "fastmcp.middleware.structured_logging"

    def __init__(
        self,
        *,
        logger: logging.Logger | None = None,
        log_level: int = logging.INFO,
        include_payloads: bool = False,
        include_payload_length: bool = False,
        estimate_payload_tokens: bool = False,
        max_payload_length: int | None = 100_000,
        methods: Collection[str] | None = None,
        payload_serializer: Callable[[Any], str] | None = None,
        redact: bool | Callable[[Any], Any] = True,
    ) -> None:
        super().__init__(
            logger=logger,
            log_level=log_level,
            include_payloads=include_payloads,
            include_payload_length=include_payload_length,
            estimate_payload_tokens=estimate_payload_tokens,
            max_payload_length=max_payload_length,
            methods=methods,
            payload_serializer=payload_serializer,
            redact=redact,
        )


def _one_line(value: Any) -> str:
    """A value that cannot end its line and begin another: a client may have written it."""
    return str(value).replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def _milliseconds(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)
