"""`ctx.elicit`: ask the person at the client (FASTMCP C-09, PROTOCOL EL-01, EL-02)."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from mcp_runtime.framework.asking.forms import Form
from mcp_runtime.framework.errors import ValidationError
from mcp_runtime.framework.exchange import Exchange, ask

__all__ = (
    "AcceptedElicitation",
    "CancelledElicitation",
    "DeclinedElicitation",
    "ElicitationResult",
    "elicit",
    "elicit_url",
)

T = TypeVar("T")


class _Answer:
    action: ClassVar[str]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]  # equal by value and changeable, so not a key

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in vars(self).items())})"


class AcceptedElicitation(_Answer, Generic[T]):
    """The person answered; `.data` is of the type asked for."""

    action: ClassVar[str] = "accept"
    __match_args__ = ("data",)

    def __init__(self, data: T) -> None:
        self.data = data


class DeclinedElicitation(_Answer):
    """The person said no."""

    action: ClassVar[str] = "decline"


class CancelledElicitation(_Answer):
    """The person closed the question without an answer."""

    action: ClassVar[str] = "cancel"


ElicitationResult = AcceptedElicitation[Any] | DeclinedElicitation | CancelledElicitation


async def elicit(
    exchange: Exchange,
    message: str,
    response_type: Any,
    *,
    title: str | None = None,
    description: str | None = None,
    seconds: float | None = None,
) -> ElicitationResult:
    """Ask with a form. Raises CannotAsk or NoAnswer.

    Raises TypeError for a type that no form can hold, ValidationError for an answer that does not fit.
    """
    form = Form(response_type, title=title, description=description)
    params = {"mode": "form", "message": message, "requestedSchema": form.schema}
    answer = await ask(exchange, "elicitation/create", params, needs="form", seconds=seconds)
    return _read(answer, form)


async def elicit_url(
    exchange: Exchange, message: str, url: str, *, elicitation_id: str | None = None, seconds: float | None = None
) -> ElicitationResult:
    """Ask the person to open a page; accepted says that they agreed, not that they are done there (EL-02)."""
    if not url.startswith(("https://", "http://localhost", "http://127.0.0.1")):
        raise ValueError(f"A person is sent to https pages only, not to {url!r}.")
    import os

    identifier = elicitation_id or os.urandom(16).hex()
    params = {"mode": "url", "message": message, "url": url, "elicitationId": identifier}
    return _read(await ask(exchange, "elicitation/create", params, needs="url", seconds=seconds), Form(None))


def _read(answer: dict[str, Any], form: Form) -> ElicitationResult:
    action = answer.get("action")
    if action == "decline":
        return DeclinedElicitation()
    if action == "cancel":
        return CancelledElicitation()
    if action != "accept":
        raise ValidationError(f"The client answered the question with an unknown action, {action!r}.")
    return AcceptedElicitation(form.read(answer.get("content")))
