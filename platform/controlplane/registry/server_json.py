"""`server.json` of the MCP Registry: where a published server is reached, or which package it is installed from.

What can be served of it becomes an entry as desktop clients keep them, a command or an address, with the values that
the document asks for filled in. A pure function of the document and those values.

Source: https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json. Members that it does not know are
ignored, as they are by other readers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

SCHEMA: Final = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
_LAUNCHERS: Final = {"npm": ("npx", "-y"), "pypi": ("uvx",)}
_REGISTRIES: Final = {"npm": "https://registry.npmjs.org", "pypi": "https://pypi.org"}
_REPLACES: Final = ("--from", "--package", "-p")
"""Options of launchers that would install something else than the document names."""
_VERSION = re.compile(r"v?\d[\w.+!-]*")
_VARIABLE = re.compile(r"\{([^{}]+)\}")
_ELSEWHERE: Final = "Run it where it can, speaking HTTP, and save its address: stoa remote set NAME URL"
_REMEDIES: Final = {
    "oci": f"Container images are not run here. {_ELSEWHERE}",
    "nuget": f"Packages of .NET are not run here. {_ELSEWHERE}",
    "mcpb": 'Unpack the bundle and deploy its folder: stoa deploy FOLDER --name NAME --command "…"',
}


class InvalidServerJson(ValueError):
    """The document cannot be served. `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class _Input(msgspec.Struct, frozen=True, rename="camel"):
    """A value of the document, or one that is asked for: an argument, a header, a variable."""

    value: str | None = None
    """Not for others to change; {variables} in it are filled in."""
    variables: dict[str, _Input] = {}
    default: str | None = None
    choices: list[str] = []
    is_required: bool = False
    is_secret: bool = False
    is_repeated: bool = False
    name: str = ""
    value_hint: str = ""
    """What the value of a positional argument is called."""

    @property
    def secret(self) -> bool:
        return self.is_secret or any(one.is_secret for one in self.variables.values())


class _Transport(msgspec.Struct, frozen=True, rename="camel"):
    type: str
    url: str = ""
    headers: list[_Input] = []
    variables: dict[str, _Input] = {}


class _Package(msgspec.Struct, frozen=True, rename="camel"):
    registry_type: str
    identifier: str
    transport: _Transport
    version: str = ""
    registry_base_url: str = ""
    runtime_hint: str = ""
    runtime_arguments: list[_Input] = []
    package_arguments: list[_Input] = []
    environment_variables: list[_Input] = []
    file_sha256: str = msgspec.field(default="", name="fileSha256")


class _Document(msgspec.Struct, frozen=True):
    name: str
    packages: list[_Package] = []
    remotes: list[_Transport] = []


def is_one(document: object) -> bool:
    """Whether this is meant to be a `server.json`, as it is published or as the registry's API answers it."""
    found = _unwrapped(document)
    return isinstance(found.get("name"), str) and any(
        isinstance(found.get(key), list) for key in ("packages", "remotes")
    )


def entry_of(
    document: object, given: Mapping[str, Sequence[str]], *, package: bool = False
) -> tuple[str, dict[str, Any]]:
    """The server's name, and its entry: `command`, `args` and `env`, or `type`, `url` and `headers`.

    `given` are values by the names under which the document asks for them. An address goes before a package, unless
    `package` says otherwise. Raises InvalidServerJson.
    """
    try:
        wanted = msgspec.convert(_unwrapped(document), _Document)
    except msgspec.ValidationError as error:
        raise InvalidServerJson(f"It is no server.json: {error}.", f"Its schema is {SCHEMA}") from None
    answers = _Answers(given)
    if wanted.remotes and not package:
        entry = _address(min(wanted.remotes, key=lambda one: one.type != "streamable-http"), answers)
    else:
        entry = _command(_installable(wanted.packages), answers)
    answers.check()
    return wanted.name.rpartition("/")[2], entry


def _unwrapped(document: object) -> dict[str, Any]:
    found = document.get("server", document) if isinstance(document, dict) else None
    return found if isinstance(found, dict) else {}


def _address(remote: _Transport, answers: _Answers) -> dict[str, Any]:
    if remote.type not in ("streamable-http", "sse"):
        raise InvalidServerJson(
            f"Its address is of type '{remote.type[:80]}', which is not spoken here.",
            "Spoken are streamable-http and sse.",
        )
    address = _Input(value=remote.url, variables=remote.variables, is_required=True, name="url")
    return {
        "type": remote.type,
        "url": "".join(answers.of(address, "url")),
        "headers": _by_name(remote.headers, answers),
    }


def _installable(packages: Iterable[_Package]) -> _Package:
    refused = []
    for one in packages:
        why = _why_not(one)
        if why is None:
            return one
        refused.append((f"{one.registry_type} {one.identifier}"[:120], why))
    if not refused:
        raise InvalidServerJson("It names no package.", "Import it without --package, to use its address.")
    raise InvalidServerJson(
        f"None of its packages can be served: {', '.join(name for name, _ in refused)}.",
        " ".join(dict.fromkeys(why for _, why in refused)),
    )


def _why_not(package: _Package) -> str | None:
    """What to do about a package that cannot be served; None for one that can."""
    kind = package.registry_type
    if kind not in _LAUNCHERS:
        return _REMEDIES.get(kind, f"Packages of '{kind[:40]}' are not run here. {_ELSEWHERE}")
    if package.transport.type != "stdio":
        return f"It waits for connections instead of being started for each. {_ELSEWHERE}"
    if package.registry_base_url.rstrip("/") not in ("", _REGISTRIES[kind]):
        return f"Only packages of {_REGISTRIES[kind]} are installed. Deploy its files: stoa deploy FOLDER"
    if package.file_sha256:
        return "The SHA-256 of a package's file is not compared here: leave fileSha256 out to install it all the same."
    if not re.match(r"[@\w]", package.identifier):
        return f"'{package.identifier[:80]}' is no name of a package: correct its identifier."
    if not _VERSION.fullmatch(package.version) or package.version.endswith(".x"):
        return f"'{package.version[:80]}' is no version: name one, not a range."
    if package.runtime_arguments and package.runtime_hint not in ("", _LAUNCHERS[kind][0]):
        return f"Its runtimeArguments are for '{package.runtime_hint[:40]}': deploy its files: stoa deploy FOLDER"
    return None


def _command(package: _Package, answers: _Answers) -> dict[str, Any]:
    launcher, *options = _LAUNCHERS[package.registry_type]
    options += _words(package.runtime_arguments, answers)
    for option in options:
        if not option.startswith("-") or option.partition("=")[0] in _REPLACES:
            raise InvalidServerJson(
                f"Its runtimeArguments install something else than it names: {option[:80]}",
                "Install that by hand: stoa deploy --name NAME --command '…'",
            )
    named = f"{package.identifier}@{package.version}"
    return {
        "command": launcher,
        "args": [*options, named, *_words(package.package_arguments, answers)],
        "env": _by_name(package.environment_variables, answers),
    }


def _by_name(wanted: Iterable[_Input], answers: _Answers) -> dict[str, str]:
    """Headers or environment variables. One that has no value is left out."""
    found: dict[str, str] = {}
    for one in wanted:
        if not one.name:
            raise InvalidServerJson("One of its headers or variables has no name.", f"Its schema is {SCHEMA}")
        found.update((one.name, value) for value in answers.of(one, one.name))
    return found


def _words(arguments: Iterable[_Input], answers: _Answers) -> list[str]:
    """The words of a command line: `--flag=value`, and a value by itself. One that has no value is left out."""
    words: list[str] = []
    for argument in arguments:
        name = argument.value_hint or argument.name.lstrip("-")
        if not name and argument.value is None:
            raise InvalidServerJson("One of its arguments has neither a value nor a name.", f"Its schema is {SCHEMA}")
        values = answers.of(argument, name)
        if argument.secret and (values or argument.is_required):
            raise InvalidServerJson(
                f"Its argument '{name}' is a secret, and a command is no place for one: everybody may read it.",
                "Deploy its files with a command that takes the value from the environment: stoa deploy FOLDER",
            )
        for value in values:
            if argument.name.startswith("--"):
                words.append(f"{argument.name}={value}")
            else:
                words += [argument.name, value] if argument.name else [value]
    return words


class _Answers:
    """The values that were given, and what a document asks for."""

    def __init__(self, given: Mapping[str, Sequence[str]]) -> None:
        self._given = given
        self._asked: dict[str, _Input] = {}
        self._missing: set[str] = set()

    def of(self, wanted: _Input, name: str) -> list[str]:
        """The values of an input; none when it is left out."""
        if wanted.value is None:
            return self._answer(wanted, name, required=wanted.is_required)
        found: dict[str, str] = {}
        for variable in dict.fromkeys(_VARIABLE.findall(wanted.value)):
            if variable in wanted.variables:
                asked = wanted.variables[variable]
                values = self._answer(asked, variable, required=asked.is_required or wanted.is_required)
                if not values:
                    return []
                found[variable] = values[0]
        return [_VARIABLE.sub(lambda match: found.get(match[1], match[0]), wanted.value)]

    def check(self) -> None:
        """Raises InvalidServerJson for what is missing, and for what nothing asked for."""
        if self._missing:
            options = (f"--set {one}" + ("" if self._asked[one].secret else "=value") for one in sorted(self._missing))
            raise InvalidServerJson(
                f"It needs values for: {', '.join(sorted(self._missing))}.",
                f"Give them: {' '.join(options)}. Without '=value' it is asked for, and read from standard input.",
            )
        unknown = sorted(self._given.keys() - self._asked.keys())
        if unknown:
            asked = ", ".join(sorted(self._asked)) or "nothing"
            raise InvalidServerJson(f"It asks for no '{unknown[0][:80]}'.", f"What it asks for: {asked}.")

    def _answer(self, asked: _Input, name: str, *, required: bool) -> list[str]:
        self._asked[name] = asked
        values = list(self._given.get(name, ()))
        if not values:
            if asked.default is not None:
                return [asked.default]
            if required:
                self._missing.add(name)
            return []
        if len(values) > 1 and not asked.is_repeated:
            raise InvalidServerJson(f"'{name}' is given twice.", "It takes one value.")
        if asked.choices and not set(values) <= set(asked.choices):
            raise InvalidServerJson(f"'{name}' has none of its values.", f"They are: {', '.join(asked.choices)}.")
        return values
