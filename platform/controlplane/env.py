"""Read the environment once, loudly: a wrong or missing value stops the process and says what to do about it.

Only `controlplane.settings` calls these readers, with the name of a row of `controlplane.variables`, which holds the
default and what is allowed. Each error names the variable, its value and the remedy; a secret's value it never repeats.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from controlplane.variables import VARIABLES, Variable

CHECKOUT = Path(__file__).resolve().parent.parent.parent
"""The root of the source tree; meaningless in an installed wheel, where `is_checkout()` is false."""

Name = str | Variable
"""A row of the table, or its name."""


def text(name: Name, *, default: str | None = None) -> str:
    """The variable's value. Without a default it is required; an empty value counts as none."""
    variable = _row(name)
    if variable.is_secret:
        return _secret(variable, default)
    return _text(variable, default)


def choice(name: Name, *, default: str | None = None) -> str:
    variable = _row(name)
    value = _text(variable, default)
    if value not in variable.allowed:
        raise wrong(variable, "is not a known value", f"Allowed: {', '.join(variable.allowed)}.", value)
    return value


def integer(name: Name) -> int:
    variable = _row(name)
    value, least, most = _text(variable), variable.least, variable.most
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        unit = f" ({variable.unit})" if variable.unit else ""
        raise wrong(variable, "is not in range", f"Give a whole number from {least} to {most}{unit}.", value)
    return int(value)


def words(name: Name, *, default: Sequence[str] = ()) -> list[str]:
    """A comma-separated list; blanks around the commas do not count."""
    variable = _row(name)
    value = os.environ.get(variable.name, "").strip() or variable.default or ""
    return [word for word in (part.strip() for part in value.split(",")) if word] or list(default)


def networks(name: Name) -> list[str]:
    """Addresses and networks: 10.0.0.0/8, 192.0.2.7, 2001:db8::/32. `none` alone is an empty list."""
    variable = _row(name)
    found = words(variable)
    if found == ["none"]:
        return []
    for network in found:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise wrong(variable, "is no network", "Write 10.0.0.0/8 or 192.0.2.7, or `none`.", network) from None
    return found


def path(name: Name, *, default: Path | None = None) -> Path:
    variable = _row(name)
    value = Path(_text(variable, None if default is None else str(default)))
    if not value.is_absolute():
        remedy = "Give an absolute one: processes start in different folders."
        raise wrong(variable, "is a relative path", remedy, str(value))
    return value


def url(name: Name, *, default: str | None = None) -> str:
    """A URL with one of the allowed schemes."""
    variable = _row(name)
    value = text(variable, default=default)
    if value and urlsplit(value).scheme not in variable.allowed:
        remedy = f"Allowed: {', '.join(f'{scheme}://' for scheme in variable.allowed)}."
        raise wrong(variable, "is not a URL of a known scheme", remedy, value)
    return value


def key(name: Name, *, default: str | None = None) -> bytes:
    """A 256-bit key in base64; empty bytes when the default is empty."""
    variable = _row(name)
    value = text(variable, default=default)
    try:
        material = base64.b64decode(value, validate=True)
    except binascii.Error:
        material = b"?"
    if value and len(material) != 32:
        make = """python -c "import base64, os; print(base64.b64encode(os.urandom(32)).decode())\""""
        raise wrong(variable, "is not base64 of exactly 32 bytes", f"Make one with: {make}")
    return material


def home() -> Path:
    """The folder with everything this installation keeps: STOA_HOME, else `.stoa` in the checkout or working folder."""
    return path("STOA_HOME", default=(CHECKOUT if is_checkout() else Path.cwd()) / ".stoa")


def is_checkout() -> bool:
    return (CHECKOUT / "manage.py").is_file()


def wrong(name: Name, problem: str, remedy: str = "", value: str = "") -> ImproperlyConfigured:
    """What to raise for a value that the table alone cannot judge. The value of a secret is left out."""
    variable = _row(name)
    shown = f"={value[:200]!r}" if value and not variable.is_secret else ""
    return ImproperlyConfigured(f"{variable.name}{shown} {problem}. {remedy or variable.remedy}".rstrip())


def _row(name: Name) -> Variable:
    return name if isinstance(name, Variable) else VARIABLES[name]


def _text(variable: Variable, default: str | None = None) -> str:
    value = os.environ.get(variable.name, "").strip() or (variable.default if default is None else default)
    if value is None:
        raise wrong(variable, "is not set", variable.remedy or f"Set {variable.name}.")
    return value


def _secret(variable: Variable, default: str | None) -> str:
    """A secret given as NAME, or as NAME_FILE: the path of a file that holds it (Docker and systemd secrets)."""
    name = variable.name
    file = os.environ.get(f"{name}_FILE", "").strip()
    if not file:
        return _text(variable, default)
    if os.environ.get(name, "").strip():
        raise wrong(variable, f"is set twice: as {name} and as {name}_FILE", "Unset one of them.")

    try:
        value = Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _wrong_file(name, file, f"cannot be read ({reason})", "Check path and mode.") from None
    if not value:
        raise _wrong_file(name, file, "is empty", "Write the secret into it.")
    return value


def _wrong_file(name: str, file: str, problem: str, remedy: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name}_FILE={file!r} names a file that {problem}. {remedy}")
