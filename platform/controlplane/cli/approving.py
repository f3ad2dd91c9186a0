"""`stoa endpoints held`, `approve` and `refuse`: what members changed, and what becomes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from controlplane.cli.errors import CliError
from controlplane.cli.output import note, printable
from controlplane.cli.platform_api import Api, path


def held(api: Api, name: str) -> None:
    """Each with its identifier and what differs."""
    found = api.get(path("endpoints", name, "held"))
    if not found:
        note(f"{name} holds nothing.")
    for one in found:
        print(f"{one['id']}  {_described(one)}")
        for line in one["diff"].splitlines():
            print(printable(f"  {line}"))


def decide(api: Api, name: str, ids: Sequence[str], how: Literal["approve", "refuse"], *, everything: bool) -> None:
    """Raises CliError unless it is said which definitions are meant."""
    if bool(ids) == everything:
        raise CliError(
            f"Say which definitions to {how}, or --all.",
            hint=f"`stoa endpoints held {name}` prints them with their identifiers.",
        )
    found = {one["id"]: one for one in api.get(path("endpoints", name, "held"))}
    chosen = ids or [key for key, one in found.items() if one["reason"] != "refused"]
    if not chosen:
        note(f"{name} holds nothing that waits.")
        return
    answer = api.send("POST", path("endpoints", name, "held", how), {"ids": list(chosen)})
    done = {"approve": "Approved", "refuse": "Refused"}[how]
    for key in chosen:
        print(f"{done} {_described(found[key]) if key in found else key}.")
    if answer["version"] is not None:
        print(f"{name} serves version {answer['version']}.")


def _described(one: dict[str, Any]) -> str:
    kind = one["kind"] if one["kind"] == "instructions" else one["kind"].removesuffix("s").replace("_", " ")
    called = "" if one["kind"] == "instructions" else f" {one['name']}"
    return printable(f"{one['reason']} {kind}{called} of {one['server']}")
