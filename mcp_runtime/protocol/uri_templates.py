"""Matching URIs against templates: `{x}`, `{x*}` and `{?a,b}` (FASTMCP R-10 to R-12, PROTOCOL RS-02).

`{x}` is one path segment, `{x*}` spans several, `{?a,b}` stands last and names optional query parameters. Values
come back percent-decoded, and only when they are safe to put into a path: a value that climbs (`..`), is absolute,
or hides a NUL or a separator matches nothing. Ask for `unsafe=True` where a value is never used as a path.

Matching takes time linear in the length of the URI, whatever the template and whoever chose the URI.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import unquote

MAX_URI = 2048
"""Characters of a URI that is looked at; longer ones match nothing."""
MAX_VARIABLES = 16


class TemplateError(ValueError):
    """The template is not one we can match."""


@dataclass(frozen=True, slots=True)
class _Variable:
    name: str
    many: bool


class UriTemplate:
    """A compiled template. Raises TemplateError naming what is wrong with it."""

    __slots__ = ("_parts", "_pattern", "path_variables", "query_variables", "template")

    def __init__(self, template: str) -> None:
        self.template = template
        self._parts, self.query_variables = _parse(template)
        self.path_variables = tuple(part.name for part in self._parts if isinstance(part, _Variable))
        names = self.variables
        if len(names) > MAX_VARIABLES:
            raise TemplateError(f"{template!r} has {len(names)} variables, the limit is {MAX_VARIABLES}.")
        if len(set(names)) < len(names):
            raise TemplateError(f"{template!r} names a variable twice.")
        self._pattern = _as_pattern(self._parts)

    def __repr__(self) -> str:
        return f"UriTemplate({self.template!r})"

    @property
    def variables(self) -> tuple[str, ...]:
        return self.path_variables + self.query_variables

    def match(self, uri: str, *, unsafe: bool = False) -> dict[str, str] | None:
        """The variables' values in `uri`, or None. Query parameters that are absent are absent in the answer."""
        if len(uri) > MAX_URI:
            return None
        path, query = uri, ""
        if self.query_variables:
            path, _, query = uri.partition("?")
        captured = self._match_path(path)
        if captured is None:
            return None
        values: dict[str, str] = {}
        for part in self._parts:
            if isinstance(part, _Variable):
                value = _decoded(captured[part.name])
                if value is None or not (unsafe or _is_safe(value, many=part.many)):
                    return None
                values[part.name] = value
        for name, text in _query(query):
            if name in self.query_variables and name not in values:  # the first one wins
                value = _decoded(text.replace("+", " "))
                if value is None or not (unsafe or "\0" not in value):
                    return None
                values[name] = value
        return values

    def _match_path(self, path: str) -> dict[str, str] | None:
        if self._pattern is not None:
            found = self._pattern.fullmatch(path)
            return None if found is None else found.groupdict()
        return _match_by_table(self._parts, path)


def _parse(template: str) -> tuple[tuple[str | _Variable, ...], tuple[str, ...]]:
    parts: list[str | _Variable] = []
    query: tuple[str, ...] = ()
    position = 0
    for found in _EXPRESSION.finditer(template):
        literal = template[position : found.start()]
        _refuse_braces(template, literal)
        if literal:
            parts.append(literal)
        position = found.end()
        names = found["names"]
        if found["operator"]:
            if found["many"]:
                raise TemplateError(f"In {template!r}, {found.group()} cannot explode.")
            if position != len(template):
                raise TemplateError(f"In {template!r}, {found.group()} must stand last.")
            query = tuple(names.split(","))
        elif "," in names:
            raise TemplateError(f"In {template!r}, {found.group()} names several variables; write one per braces.")
        else:
            parts.append(_Variable(names, many=bool(found["many"])))
    _refuse_braces(template, template[position:])
    if template[position:]:
        parts.append(template[position:])
    if not parts:
        raise TemplateError(f"{template!r} has nothing before its query.")
    for left, right in pairwise(parts):
        if isinstance(left, _Variable) and isinstance(right, _Variable):
            raise TemplateError(f"In {template!r}, nothing divides {{{left.name}}} from {{{right.name}}}.")
    return tuple(parts), query


def _refuse_braces(template: str, literal: str) -> None:
    if "{" in literal or "}" in literal:
        raise TemplateError(f"{template!r} has braces that are not {{name}}, {{name*}} or {{?name,name}}.")


def _as_pattern(parts: tuple[str | _Variable, ...]) -> re.Pattern[str] | None:
    """A regular expression, where one exists that cannot backtrack: each variable ends at a `/` or at the end."""
    pattern = ""
    last = len(parts) - 1
    for index, part in enumerate(parts):
        if isinstance(part, str):
            pattern += re.escape(part)
            continue
        if index < last and (part.many or not str(parts[index + 1]).startswith("/")):
            return None
        pattern += f"(?P<{part.name}>{'.' if part.many else '[^/]'}++)"
    return re.compile(pattern, re.DOTALL)


def _match_by_table(parts: tuple[str | _Variable, ...], path: str) -> dict[str, str] | None:
    """Any template, without backtracking: first mark, from the right, from where the rest can match; then walk."""
    first, last = parts[0], parts[-1]
    if (isinstance(first, str) and not path.startswith(first)) or (isinstance(last, str) and not path.endswith(last)):
        return None
    size = len(path)
    never = size + 1
    # nearest[i][p]: the first position >= p from which parts[i:] match the rest of the path.
    nearest = [[never] * (size + 2) for _ in range(len(parts) + 1)]
    nearest[len(parts)] = [size] * (size + 1) + [never]
    segment_end = [size] * (size + 1)
    for position in range(size - 1, -1, -1):
        segment_end[position] = position if path[position] == "/" else segment_end[position + 1]
    for index in range(len(parts) - 1, -1, -1):
        part, row, after = parts[index], nearest[index], nearest[index + 1]
        for position in range(size, -1, -1):
            if isinstance(part, str):
                end = position + len(part)
                fits = end <= size and after[end] == end and path.startswith(part, position)
            else:
                fits = position < size and after[position + 1] <= (size if part.many else segment_end[position])
            row[position] = position if fits else row[position + 1]
    if nearest[0][0] != 0:
        return None
    captured: dict[str, str] = {}
    position = 0
    for index, part in enumerate(parts):
        if isinstance(part, str):
            position += len(part)
        else:
            end = nearest[index + 1][position + 1]
            captured[part.name] = path[position:end]
            position = end
    return captured


def _query(query: str) -> list[tuple[str, str]]:
    pairs = (pair.partition("=") for pair in query.split("&", MAX_VARIABLES * 2) if pair)
    return [(unquote(name), value) for name, _, value in pairs]


def _decoded(text: str) -> str | None:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return None


def _is_safe(value: str, *, many: bool) -> bool:
    if "\0" in value or _DRIVE.match(value):
        return False
    if not many and "/" in value:  # %2F: a separator that was hidden
        return False
    segments = value.replace("\\", "/").split("/")
    return segments[0] != "" and ".." not in segments


_EXPRESSION = re.compile(
    r"\{(?P<operator>\??)(?P<names>[A-Za-z_][A-Za-z0-9_]*(?:,[A-Za-z_][A-Za-z0-9_]*)*)(?P<many>(?<!,)\*?)\}"
)
_DRIVE = re.compile(r"[A-Za-z]:[/\\]")
