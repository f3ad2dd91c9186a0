"""`npx …` and `uvx …`: a command that names its package needs no bundle, as in the settings of desktop clients.

What these programs would fetch at each start becomes the source of a revision, which is installed once, when it is
built: `npx -y @acme/notes@2 --quiet` is a package.json with `@acme/notes` 2, and the command `notes --quiet`.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement

from controlplane.registry import commands
from controlplane.registry.errors import InvalidCommand

FILE_NAME: Final = "package.zip"
_OF_NPM = re.compile(r"(?P<name>(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*)(?:@(?P<version>[\w.^~*+-]+))?")
_OF_PYPI = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?P<extras>\[[\w.,-]+\])?(?:@(?P<version>[\w.+!-]+))?")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""Of a file in a zip: the same command makes the same bytes."""


@dataclass(frozen=True, slots=True)
class Package:
    bundle: bytes
    """A zip with the one file that names what is installed."""
    command: str
    """What runs then, as a shell reads it."""


@dataclass(slots=True)
class _Asked:
    """The words of a command: its options, by their first name, and what follows them."""

    rest: list[str]
    options: dict[str, list[str]] = field(default_factory=dict)


def package(command: str) -> Package:
    """The source of such a command, and what it runs.

    Raises InvalidCommand for every other command, for options that mean nothing here, and for a package that is of no
    registry (an address, a folder).
    """
    launcher, *words = commands.words(command) or ("",)
    if launcher not in _LAUNCHERS:
        raise InvalidCommand("Without files a command begins with npx or uvx, and names a package.")
    return _LAUNCHERS[launcher](words)


def _npx(words: Sequence[str]) -> Package:
    asked = _asked(
        "npx", words, valued={"-p": "--package", "--package": "--package"}, bare=("-y", "--yes", "-q", "--quiet")
    )
    wanted = asked.options.get("--package") or asked.rest[:1]
    found = [_matched(_OF_NPM, one, "npm") for one in wanted]
    dependencies = {one["name"]: one["version"] or "latest" for one in found}
    first = asked.rest[0] if "--package" in asked.options else found[0]["name"].rpartition("/")[2]
    text = json.dumps({"dependencies": dependencies}, indent=2)
    return _package("package.json", text, [first, *asked.rest[1:]])


def _uvx(words: Sequence[str]) -> Package:
    asked = _asked("uvx", words, valued={"--from": "--from", "--with": "--with"}, bare=("-q", "--quiet"))
    named = _matched(_OF_PYPI, asked.rest[0], "PyPI")
    if "--from" in asked.options:
        source = _requirement(asked.options["--from"][-1])
    else:
        version = named["version"]
        source = f"{named['name']}{named['extras'] or ''}" + (f"=={version}" if version not in (None, "latest") else "")
    lines = [source, *(_requirement(one) for one in asked.options.get("--with", ()))]
    return _package("requirements.txt", "\n".join(lines), [named["name"], *asked.rest[1:]])


_LAUNCHERS: Final[Mapping[str, Callable[[Sequence[str]], Package]]] = {"npx": _npx, "uvx": _uvx}


def _asked(launcher: str, words: Sequence[str], *, valued: Mapping[str, str], bare: Sequence[str]) -> _Asked:
    asked = _Asked(list(words))
    while asked.rest and asked.rest[0].startswith("-"):
        option, _, value = asked.rest.pop(0).partition("=")
        if option == "--":
            break
        if option in bare:
            continue
        if option not in valued or not (value or asked.rest):
            raise InvalidCommand(f"'{launcher} {option}' means nothing here: name the package and its arguments alone.")
        asked.options.setdefault(valued[option], []).append(value or asked.rest.pop(0))
    if not asked.rest:
        raise InvalidCommand(f"'{launcher}' names no package.")
    return asked


def _matched(pattern: re.Pattern[str], spec: str, registry: str) -> re.Match[str]:
    found = pattern.fullmatch(spec)
    if found is None:
        raise InvalidCommand(f"'{spec[:80]}' is no package of {registry}: name one as name or name@version.")
    return found


def _requirement(spec: str) -> str:
    try:
        requirement = Requirement(spec)
    except InvalidRequirement:
        raise InvalidCommand(f"'{spec[:80]}' is no package of PyPI: name one as name or name==version.") from None
    if requirement.url:
        raise InvalidCommand(f"'{spec[:80]}' is an address: only packages of PyPI are installed.")
    return str(requirement)


def _package(name: str, text: str, program: Sequence[str]) -> Package:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name, _EPOCH), f"{text}\n")
    return Package(packed.getvalue(), commands.line(program))
