"""What starts a server that is written with another SDK: `python server.py`, in words as a shell reads them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from controlplane.registry.errors import InvalidCommand

MAX_WORDS = 64
MAX_CHARACTERS = 2_000
"""Of the whole command, as it is written."""


def words(text: str) -> tuple[str, ...]:
    """The words of a command line; quotes group, and nothing is expanded. Empty for none. Raises InvalidCommand."""
    if len(text) > MAX_CHARACTERS or not text.isprintable():
        raise InvalidCommand(f"A command is one line of at most {MAX_CHARACTERS} characters.")
    try:
        found = tuple(shlex.split(text))
    except ValueError as error:
        raise InvalidCommand(f"The command cannot be read: {str(error).lower()}.") from None
    if len(found) > MAX_WORDS:
        raise InvalidCommand(f"A command has at most {MAX_WORDS} words.")
    if found and ("/" in found[0] or not found[0]):
        raise InvalidCommand(f"'{found[0][:80]}' is a path; a command begins with the name of a program.")
    return found


def line(command: Sequence[str]) -> str:
    """The other way round."""
    return shlex.join(command)
