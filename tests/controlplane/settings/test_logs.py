from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from controlplane.keys.tokens import new_token
from controlplane.settings.logs import HIDDEN, formatter

CANARY = "canary-d3adb33f"

Lines = Callable[[], str]


@pytest.fixture(params=[True, False], ids=["json", "people"])
def written(request: pytest.FixtureRequest) -> Iterator[tuple[logging.Logger, Lines]]:
    """A logger under our formatter, and what it wrote."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(json=request.param))
    logger = logging.getLogger("tests.logs")
    logger.addHandler(handler)
    yield logger, stream.getvalue
    logger.removeHandler(handler)
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {CANARY}",
        f"basic {CANARY}",
        f"postgresql://stoa_app:{CANARY}@db/stoa",
        f"GET /sign-in/acme/google/callback?code={CANARY}&state=a{CANARY}&iss=https://id.example",
        f"token eyJhbGciOiJFUzI1NiJ9.{CANARY}.c2lnbmF0dXJl",
    ],
)
def test_a_credential_in_a_message_is_hidden(written: tuple[logging.Logger, Lines], text: str) -> None:
    logger, lines = written

    logger.warning("Refused %s", text)

    assert CANARY not in lines()
    assert HIDDEN in lines()


def test_an_api_key_keeps_only_the_part_that_people_know_it_by(written: tuple[logging.Logger, Lines]) -> None:
    logger, lines = written
    token = new_token()

    logger.warning("Refused %s", token.reveal())

    assert token.lookup in lines()
    assert token.secret[:12] not in lines()


@pytest.mark.parametrize("field", ["password", "client_secret", "access_token", "Authorization", "cookies", "api_key"])
def test_a_field_named_like_a_secret_is_hidden(written: tuple[logging.Logger, Lines], field: str) -> None:
    logger, lines = written

    logger.warning("Refused", extra={field: CANARY, "details": {field: [CANARY]}})

    assert CANARY not in lines()


def test_a_traceback_is_redacted(written: tuple[logging.Logger, Lines]) -> None:
    logger, lines = written

    try:
        raise ValueError(f"redis://:{CANARY}@redis/0")
    except ValueError:
        logger.exception("Failed")

    assert "ValueError" in lines()
    assert CANARY not in lines()


def test_a_line_carries_what_is_bound_to_the_request(written: tuple[logging.Logger, Lines]) -> None:
    logger, lines = written
    structlog.contextvars.bind_contextvars(request_id="req_1", tenant="acme")

    logger.warning("Refused", extra={"outcome": "not_found"})

    assert all(part in lines() for part in ("req_1", "acme", "not_found", "Refused", "tests.logs"))


def test_production_writes_one_json_object_a_line() -> None:
    record = logging.LogRecord("stoa", logging.INFO, __file__, 1, "Line one\nline %s", ("two",), None)

    line = formatter(json=True).format(record)

    assert "\n" not in line
    assert json.loads(line)["event"] == "Line one\nline two"
