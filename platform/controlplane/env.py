"""Read the environment once, loudly: a wrong or missing value stops the process and says what to do about it.

Only `controlplane.settings` calls these readers. Each error names the variable, what is wrong with its value, and
the remedy; it never repeats the value, which may be a secret.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

CHECKOUT = Path(__file__).resolve().parent.parent.parent
"""The root of the source tree; meaningless in an installed wheel, where `is_checkout()` is false."""


def text(name: str, *, default: str | None = None, remedy: str = "") -> str:
    """The variable's value. Without a default it is required; an empty value counts as none."""
    value = os.environ.get(name, "").strip() or default
    if value is None:
        raise wrong(name, "is not set", remedy or f"Set {name}.")
    return value


def secret(name: str, *, default: str | None = None, remedy: str = "") -> str:
    """A secret given as NAME, or as NAME_FILE: the path of a file that holds it (Docker and systemd secrets)."""
    file = os.environ.get(f"{name}_FILE", "").strip()
    if not file:
        return text(name, default=default, remedy=remedy or f"Set {name}, or {name}_FILE to the path of a file.")
    if os.environ.get(name, "").strip():
        raise wrong(name, f"is set twice: as {name} and as {name}_FILE", "Unset one of them.")

    try:
        value = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise wrong(f"{name}_FILE", f"names a file that cannot be read ({reason})", "Check path and mode.") from None
    if not value:
        raise wrong(f"{name}_FILE", "names an empty file", "Write the secret into it.")
    return value


def choice(name: str, allowed: Sequence[str], *, default: str) -> str:
    value = text(name, default=default)
    if value not in allowed:
        raise wrong(name, "has an unknown value", f"Allowed: {', '.join(allowed)}.")
    return value


def integer(name: str, *, default: int, least: int, most: int) -> int:
    value = text(name, default=str(default))
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        raise wrong(name, "is not a number in range", f"Give a whole number from {least} to {most}.")
    return int(value)


def words(name: str, *, default: Sequence[str] = ()) -> list[str]:
    """A comma-separated list; blanks around the commas do not count."""
    value = os.environ.get(name, "")
    return [word for word in (part.strip() for part in value.split(",")) if word] or list(default)


def path(name: str, *, default: Path) -> Path:
    value = Path(text(name, default=str(default)))
    if not value.is_absolute():
        raise wrong(name, "is a relative path", "Give an absolute one: processes start in different folders.")
    return value


def url(
    name: str,
    schemes: Sequence[str],
    *,
    default: str | None = None,
    remedy: str = "",
    reader: Callable[..., str] = text,
) -> str:
    """A URL with one of the schemes. URLs with passwords pass `reader=secret`, so that NAME_FILE works too."""
    value = reader(name, default=default, remedy=remedy)
    if value and urlsplit(value).scheme not in schemes:
        raise wrong(name, "is not a URL of a known scheme", f"Allowed: {', '.join(f'{s}://' for s in schemes)}.")
    return value


def key(name: str, *, default: str | None = None, remedy: str = "") -> bytes:
    """A 256-bit key in base64; empty bytes when the default is empty."""
    value = secret(name, default=default, remedy=remedy)
    try:
        material = base64.b64decode(value, validate=True)
    except binascii.Error:
        material = b"?"
    if value and len(material) != 32:
        make = """python -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())\""""
        raise wrong(name, "is not base64 of exactly 32 bytes", f"Make one with: {make}")
    return material


def home() -> Path:
    """The folder with everything this installation keeps: STOA_HOME, else `.stoa` in the checkout or working folder."""
    return path("STOA_HOME", default=(CHECKOUT if is_checkout() else Path.cwd()) / ".stoa")


def is_checkout() -> bool:
    return (CHECKOUT / "manage.py").is_file()


def wrong(name: str, problem: str, remedy: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} {problem}. {remedy}")
