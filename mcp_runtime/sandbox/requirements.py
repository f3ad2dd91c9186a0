"""Judges the requirement lines of tenants: `name[extras] specifiers ; marker` and nothing else (SANDBOX 5).

A line may not name a place (URL, path, version control), an option, or the bundle itself: what is installed comes
from the operator's package index, as wheels.

**`fastmcp` and `mcp` are the platform's.** Inside a sandbox both names import the platform's own framework, and its
folder comes before the tenant's packages. So a requirement on either, with any version or extra, counts as met and
is not installed. `PROVIDED` names them; the build log says so.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name

from mcp_runtime.ports.builds import BuildFailed

PROVIDED = frozenset({"fastmcp", "mcp"})
MAX_REQUIREMENTS = 500
MAX_LINE = 500

_INDEX = "Name a package of the package index with its versions, for example httpx>=0.28."
_HINTS = (
    (
        re.compile(r".*--hash\b"),
        "has hashes",
        "Leave them out (`uv export --no-hashes`): the build makes its own lock.",
    ),
    (
        re.compile(r"(-e|--editable)\b|\.{0,2}/|\.{1,2}(\[|$)|~|[A-Za-z]:\\|file:"),
        "names a path",
        "Delete the line: the code of the bundle is there already. Put other local packages into the bundle.",
    ),
    (re.compile(r"(-r|-c|--requirement|--constraint)\b"), "includes another file", "Write its lines here."),
    (re.compile(r"-"), "is an option", "Options are the operator's. " + _INDEX),
    (re.compile(r"(git|hg|svn|bzr)(\+|:|@)|.*\b(git|hg|svn|bzr)\+"), "names a repository", _INDEX),
    (re.compile(r".*://|.*\s@\s|[^;]*@"), "names a URL", _INDEX),
    (re.compile(r".*\.(whl|zip|tar\.gz|tgz)$"), "names a file", _INDEX),
)


class Requirements(NamedTuple):
    """What a revision asks for."""

    install: tuple[str, ...]
    """Canonical lines, sorted, each once."""
    provided: tuple[str, ...]
    """Names that the platform provides and that are therefore not installed."""


def check(lines: Iterable[str], provided_names: frozenset[str] = PROVIDED) -> Requirements:
    """Judge each line. Raises BuildFailed naming the first that is refused, and the remedy."""
    install: set[str] = set()
    provided: set[str] = set()
    for number, line in enumerate(lines, 1):
        if number > MAX_REQUIREMENTS:
            raise BuildFailed(
                f"There are more than {MAX_REQUIREMENTS} requirements.",
                code="bad_requirement",
                hint="List only what the server imports itself: what those need is found by the lock.",
            )
        requirement = _parsed(line)
        name = canonicalize_name(requirement.name)
        if name in provided_names:
            provided.add(name)
        else:
            install.add(str(requirement))
    return Requirements(tuple(sorted(install)), tuple(sorted(provided)))


def check_python(wanted: str | None) -> None:
    """Refuse a `requires-python` that the platform's Python does not meet. Raises BuildFailed."""
    running = ".".join(str(part) for part in sys.version_info[:3])
    try:
        suits = wanted is None or SpecifierSet(wanted).contains(running, prereleases=True)
    except InvalidSpecifier as error:
        raise BuildFailed(
            f"'{_shown(wanted or '')}' is not a range of Python versions.",
            code="python_mismatch",
            hint="Write it like >=3.11.",
        ) from error
    if not suits:
        raise BuildFailed(
            f"The server asks for Python {_shown(wanted or '')}; servers here run on {running}.",
            code="python_mismatch",
            hint=f"Widen requires-python so that it includes {running}.",
        )


def _parsed(line: str) -> Requirement:
    text = line.strip()
    if len(text) > MAX_LINE:
        raise _refused(text, f"is longer than {MAX_LINE} characters", "Shorten it.")
    if not text.isascii() or not text.isprintable() or "$" in text:
        raise _refused(text, "has characters that no requirement has", _INDEX)
    for pattern, fault, hint in _HINTS:
        if pattern.match(text):
            raise _refused(text, fault, hint)
    try:
        requirement = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise _refused(text, f"is not a requirement ({_shown(reason)})", _INDEX) from error
    if requirement.url is not None:
        raise _refused(text, "names a URL", _INDEX)
    return requirement


def _refused(line: str, fault: str, hint: str) -> BuildFailed:
    return BuildFailed(f"The requirement '{_shown(line)}' {fault}.", code="bad_requirement", hint=hint)


def _shown(text: str) -> str:
    text = text if len(text) <= 120 else f"{text[:117]}..."
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
