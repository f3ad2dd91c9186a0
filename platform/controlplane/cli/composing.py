"""`stoa endpoints`: compose servers into endpoints."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from controlplane.cli.errors import CliError
from controlplane.cli.output import note, printable, table
from controlplane.cli.platform_api import Api, path

_MEMBER = re.compile(r"(?P<server>[^@]+)(?:@(?P<pin>[0-9]{1,9}))?")


def listed(api: Api) -> None:
    found = api.get("endpoints")
    if not found:
        note("No endpoints yet. Deploy a server, or compose one: stoa endpoints create all weather news")
        return
    rows = []
    for endpoint in found:
        version = f"version {endpoint['version']}" if endpoint["version"] else "nothing published"
        rows.append((endpoint["name"], version, "draft" if endpoint["has_draft"] else "", endpoint["url"]))
    table(("ENDPOINT", "SERVES", "", "URL"), rows)


def show(api: Api, name: str) -> None:
    """The composition alone goes to standard output: a file that `set` takes."""
    endpoint = api.get(path("endpoints", name))
    note(f"{endpoint['name']}  {endpoint['url']}")
    note("The draft:" if endpoint["draft"] is not None else "As published:")
    shown = endpoint["composition"] if endpoint["draft"] is None else endpoint["draft"]
    print(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True), end="")


def create(api: Api, name: str, composition: dict[str, Any]) -> None:
    made = api.send("POST", "endpoints", {"name": name, "composition": composition})
    print(f"Made {made['name']} as a draft.")
    _findings(api.get(path("endpoints", name, "preview")))


def write(api: Api, name: str, composition: dict[str, Any]) -> None:
    api.send("PUT", path("endpoints", name, "draft"), composition, headers={"if-match": "*"})
    print(f"Saved the draft of {name}.")
    _findings(api.get(path("endpoints", name, "preview")))


def discard(api: Api, name: str) -> None:
    api.send("DELETE", path("endpoints", name, "draft"), headers={"if-match": "*"})
    print(f"Discarded the draft of {name}.")


def clone(api: Api, name: str, new: str) -> None:
    made = api.send("POST", path("endpoints", name, "clone"), {"name": new})
    print(f"Made {made['name']} as a draft, composed like {name}.")


def publish(api: Api, name: str, why: str) -> None:
    """Looks first, and publishes what it looked at."""
    preview = api.get(path("endpoints", name, "preview"))
    _findings(preview)
    if any(finding["severity"] == "error" for finding in preview["findings"]):
        raise CliError(f"The draft of {name} cannot be published.", hint="Correct it: stoa endpoints set")
    _report(name, api.send("POST", path("endpoints", name, "publish"), {"note": why}))


def roll_back(api: Api, name: str, version: int | None) -> None:
    _report(name, api.send("POST", path("endpoints", name, "rollback"), {"version": version}))


def preview(api: Api, name: str) -> None:
    """What clients would see of the draft. Raises CliError when it cannot be published."""
    seen = api.get(path("endpoints", name, "preview"))
    rows = [
        (kind.removesuffix("s").replace("_", " "), one["name"], one["server"], _origin(one))
        for kind in ("tools", "resources", "resource_templates", "prompts")
        for one in seen[kind]
    ]
    if rows:
        table(("KIND", "NAME", "SERVER", "THERE"), rows)
    _findings(seen)
    if not seen["valid"]:
        raise CliError(f"The draft of {name} cannot be published.", hint="Correct it: stoa endpoints set")


def history(api: Api, name: str, version: int | None) -> None:
    if version is not None:
        _changes(api.get(path("endpoints", name, "versions", str(version))))
        return
    rows = [
        (
            f"{'*' if found['current'] else ' '}{found['number']}",
            found["created_at"],
            found["cause"].replace("_", " "),
            found["created_by"] or "the platform",
            found["note"],
        )
        for found in api.get(path("endpoints", name, "versions"))
    ]
    table((" VERSION", "AT", "CAUSE", "BY", "NOTE"), rows)


def composed(servers: tuple[str, ...], file: Path | None, prefix: str | None) -> dict[str, Any]:
    """The composition that the command line asks for. Raises CliError."""
    if file is not None:
        if servers or prefix:
            raise CliError("Servers and --prefix stand in the file.", hint="Give --file or servers, not both.")
        return _from_file(file)
    members = []
    for text in servers:
        match = _MEMBER.fullmatch(text)
        if match is None:
            raise CliError(f"'{text}' is no member.", hint="Write weather, or weather@3 to import its revision 3.")
        members.append({"server": match["server"], **({"pin": int(match["pin"])} if match["pin"] else {})})
    return {"members": members, **({"prefix": prefix} if prefix else {})}


def _from_file(file: Path) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
        document = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CliError(f"{file} cannot be read: {error}", hint="It is YAML or JSON; - is standard input.") from error
    if not isinstance(document, dict):
        raise CliError(f"{file} holds no composition.", hint="`stoa endpoints show` prints one to start from.")
    return document


def _findings(preview: dict[str, Any]) -> None:
    for finding in preview["findings"]:
        where = f" ({finding['where']})" if finding["where"] else ""
        note(printable(f"{finding['severity']}: {finding['message']}{where}"))
        if finding["hint"]:
            note(printable(f"  hint: {finding['hint']}"))


def _report(name: str, version: dict[str, Any]) -> None:
    print(f"{name} serves version {version['number']}.")
    _changes(version)


def _changes(version: dict[str, Any]) -> None:
    marks = {"added": "+", "removed": "-", "changed": "~"}
    for change in version["changes"]:
        if change["kind"] != "members":
            fields = f" ({', '.join(change['fields_changed'])})" if change["fields_changed"] else ""
            kind = "policy" if change["kind"] == "policies" else change["kind"].removesuffix("s").replace("_", " ")
            print(printable(f"{marks[change['what']]} {kind} {change['name']}{fields}"))


def _origin(component: dict[str, Any]) -> str:
    renamed = component["upstream_name"] != component["name"]
    parts = [component["upstream_name"]] if renamed else []
    parts += [f"{name}={value!r}" for name, value in component["fixed"].items()]
    parts += [f"without {name}" for name in component["hidden"] if name not in component["fixed"]]
    return " ".join(parts)
