"""What the command says when it cannot do what it was asked."""

from __future__ import annotations


class CliError(Exception):
    """Ends the command with status 1. Prints as `error: …`, then detail, then `hint: …`, on standard error."""

    def __init__(self, message: str, *, hint: str = "", detail: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        """Of the API's problem, where it is one."""
        self.detail = detail

    def __str__(self) -> str:
        parts = [f"error: {self.message}"]
        if self.detail:
            parts.insert(0, self.detail.rstrip("\n"))
        if self.hint:
            parts.append(f"hint: {self.hint}")
        return "\n".join(parts)
