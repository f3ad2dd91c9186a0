"""`demo.json`: the addresses and the key of the demo, for scripts and for the `stoa` command."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from controlplane.local.secret_file import write_private

_FIELDS = ("dashboard_url", "endpoint_url", "api_key")


class SeedAnswerInvalid(Exception):
    """`seed_demo` printed something else than the demo's description."""


@dataclass(frozen=True, slots=True)
class Demo:
    """What someone needs to call the demo server."""

    dashboard_url: str
    endpoint_url: str
    api_key: str

    def moved_to(self, web: str) -> Demo:
        """The same at another address: the port may have changed since."""
        return Demo(web, _at(web, self.endpoint_url), self.api_key)


def load(path: Path) -> Demo | None:
    """The demo as it was written down; None when there is none, or only something unreadable."""
    try:
        return _from(json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, SeedAnswerInvalid):
        return None


def parse(output: bytes, *, web: str) -> Demo:
    """What `seed_demo` printed: JSON on its last line. Raises SeedAnswerInvalid."""
    lines = output.decode("utf-8", "replace").strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        raise SeedAnswerInvalid("`seed_demo` printed no JSON.") from None
    return _from({"dashboard_url": web, **answer} if isinstance(answer, dict) else answer)


def save(path: Path, demo: Demo) -> None:
    write_private(path, json.dumps(asdict(demo), indent=2) + "\n")


def _from(document: object) -> Demo:
    values = document if isinstance(document, dict) else {}
    demo = [value for name in _FIELDS if isinstance(value := values.get(name), str) and value]
    if len(demo) != len(_FIELDS):
        raise SeedAnswerInvalid("The demo's description lacks dashboard_url, endpoint_url or api_key.")
    return Demo(*demo)


def _at(web: str, url: str) -> str:
    origin = urlsplit(web)
    return urlunsplit(urlsplit(url)._replace(scheme=origin.scheme, netloc=origin.netloc))
