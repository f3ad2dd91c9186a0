"""docs/reference/licences.md: what an installation consists of, and under which licences. `make docs` writes it.

From the metadata of the packages in this environment, whose versions uv.lock decides. It lists what Linux and the
oldest Python that we support need; a newer Python needs a few less.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "licences.md"

ALLOWED = {
    "Apache-2.0": "Apache-2.0", "Apache Software License": "Apache-2.0", "Apache 2.0": "Apache-2.0",
    "MIT": "MIT", "MIT License": "MIT", "MIT-0": "MIT-0", "TCL": "TCL",
    "BSD": "BSD", "BSD License": "BSD", "BSD-2-Clause": "BSD-2-Clause",
    "BSD-3-Clause": "BSD-3-Clause", "BSD 3-Clause": "BSD-3-Clause", "3-Clause BSD License": "BSD-3-Clause",
    "ISC": "ISC", "PSF-2.0": "PSF-2.0", "Python Software Foundation License": "PSF-2.0", "ZPL-2.1": "ZPL-2.1",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0", "LGPL-3.0-only": "LGPL-3.0-only",
}  # fmt: skip
"""As packages spell them, and as SPDX does. Used unchanged and beside it, each goes with our Apache-2.0."""

_WHERE = {
    "implementation_name": "cpython", "os_name": "posix", "platform_machine": "x86_64", "sys_platform": "linux",
    "platform_python_implementation": "CPython", "platform_system": "Linux", "python_version": "3.11",
    "python_full_version": "3.11.0",
}  # fmt: skip
_PAGE = """# Licences

What an installation of Stoa with all its extras consists of, beside Stoa itself (Apache-2.0). Made by `make docs`; a
test refuses a licence that is not known to go with ours. The exact versions, with their hashes, stand in `uv.lock`.

| Package | Licence |
|---|---|
"""


def licences() -> dict[str, str]:
    """By name, the licence of each package that an installation needs and that is here.

    Raises ValueError for one whose licence is not in `ALLOWED`.
    """
    return {name: _licence(found) for name, found in sorted(_installed().items())}


def row(name: str, licence: str) -> str:
    return f"| [{name}](https://pypi.org/project/{name}/) | {licence} |"


def main() -> None:
    PAGE.write_text(_PAGE + "".join(f"{row(*one)}\n" for one in licences().items()), encoding="utf-8")


def _installed() -> dict[str, Distribution]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    waiting = [Requirement(one) for one in wanted]
    asked: set[str] = set()
    found: dict[str, Distribution] = {}
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in asked:
            continue
        asked.add(str(requirement))
        name = canonicalize_name(requirement.name)
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # of another Python than this one
        waiting += _needs(found[name], requirement.extras)
    return found


def _needs(package: Distribution, extras: set[str]) -> Iterator[Requirement]:
    for line in package.requires or ():
        needed = Requirement(line)
        environments = ({**_WHERE, "extra": extra} for extra in ("", *extras))
        if needed.marker is None or any(map(needed.marker.evaluate, environments)):
            needed.marker = None
            yield needed


def _licence(package: Distribution) -> str:
    about = package.metadata.json
    expression = str(about.get("license_expression", ""))
    if not expression:
        classifiers = [one.split(" :: ")[-1] for one in about.get("classifier", []) if one.startswith("License ::")]
        expression = " OR ".join(classifiers) or str(about.get("license", "none"))
    for operator in (" OR ", " AND "):
        if operator in expression:
            return operator.join(_known(one, package) for one in expression.split(operator))
    return _known(expression, package)


def _known(licence: str, package: Distribution) -> str:
    if licence not in ALLOWED:
        raise ValueError(f"{package.name} is under {licence[:100]!r}: see whether that goes with ours, then allow it.")
    return ALLOWED[licence]


if __name__ == "__main__":
    main()
