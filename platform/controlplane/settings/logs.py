"""Logs: one line an event, to standard error; JSON in production, for people elsewhere. No secret passes.

Modules log through the standard library, `log.warning("Lost %s", what, extra={"tenant": …})`. What is bound with
`structlog.contextvars.bind_contextvars(request_id=…, tenant=…)` stands on each line of that request.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"

_SECRET_NAMES = re.compile(r"passw|secret|token|authorization|cookie|credential|api_?key|environment", re.IGNORECASE)
"""A field so named is hidden whatever it holds."""

_SECRET_TEXT = (
    (re.compile(r"(stoa_[a-z2-7]{8}_)[A-Za-z0-9_-]{8,}"), rf"\1{HIDDEN}"),  # API keys, whole or cut short
    (re.compile(r"(stoa_(?:ac|rt|cs|rg|dc)_)[A-Za-z0-9_-]{8,}"), rf"\1{HIDDEN}"),  # what issuers hand out
    (re.compile(r"\b((?:Bearer|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"), HIDDEN),  # JSON web tokens
    (re.compile(r"([?&](?:code|state|ticket|user_code|[a-z_]*token)=)[^&\s'\"<>]+"), rf"\1{HIDDEN}"),  # of a sign-in
    (re.compile(r"(://[^/\s:@]*:)[^/\s@]+(@)"), rf"\1{HIDDEN}\2"),  # passwords in URLs
)


def logging_configuration(*, json: bool, level: str) -> dict[str, Any]:
    """For Django's LOGGING."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": "controlplane.settings.logs.formatter", "json": json}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.server": {"handlers": [], "level": "INFO", "propagate": True},
            # The gateway and the API have their own records of calls; uvicorn's lines would repeat paths and queries.
            "uvicorn.access": {"handlers": [], "level": "WARNING", "propagate": True},
            "httpx2": {"level": "WARNING"},
            "authlib": {"level": "INFO"},  # at DEBUG it writes the tokens it issues
            "asyncio": {"level": "WARNING"},
            # A line for each message that comes and goes; tasks say themselves what is worth reading. Failures stay.
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
        },
    }


def formatter(*, json: bool) -> logging.Formatter:
    renderer: Processor = (
        structlog.processors.JSONRenderer(sort_keys=True)
        if json
        else structlog.dev.ConsoleRenderer(
            colors=False, pad_event_to=0, pad_level=False, exception_formatter=structlog.dev.plain_traceback
        )
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            renderer,
        ],
    )


def redact(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Hide what must not be kept (SECURITY 0.11), by the field's name or its form in any text, even a traceback."""
    return {name: HIDDEN if _SECRET_NAMES.search(name) else _redacted(value) for name, value in event.items()}


def _redacted(value: object, depth: int = 0) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth < 4 and isinstance(value, Mapping):
        return {
            str(name): HIDDEN if _SECRET_NAMES.search(str(name)) else _redacted(item, depth + 1)
            for name, item in value.items()
        }
    if depth < 4 and isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item, depth + 1) for item in value]
    text = value if isinstance(value, str) else str(value)
    for form, replacement in _SECRET_TEXT:
        text = form.sub(replacement, text)
    return text
