"""Unpacks what a tenant deploys: one `.py` file, a `.zip` or a `.tar.gz` (SANDBOX 5). Standard library only.

**Wrapping folder.** An archive made from outside the project (`zip -r weather.zip weather/`, a GitHub download)
holds one folder with everything in it. It is unwrapped, once, when that is unambiguous: every file is in that one
folder, the folder is no Python package (no `__init__.py`), and a `.py` file, `pyproject.toml`, `requirements.txt` or
`fastmcp.json` lies directly in it. So both archives of a project have the same digest. `Bundle.wrapper` names the
folder that was taken off.

**Left out.** What macOS adds to archives: `__MACOSX/`, `.DS_Store`, `._*`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from mcp_runtime.sandbox.tars import CHUNK, GzipSource, read_tar
from mcp_runtime.sandbox.trees import MIB, BundleError, TreeLimits, TreeWriter, tree_digest
from mcp_runtime.sandbox.zips import read_zip

__all__ = ("MAX_ARCHIVE_BYTES", "Bundle", "BundleError", "unpack")

MAX_ARCHIVE_BYTES = 50 * MIB
"""Of the archive itself."""
LIMITS = TreeLimits()
"""Of what it unpacks to."""
_HEADER_BYTES = 4_096
"""What a tar may spend on one entry's headers and padding."""
_PROJECT_FILES = frozenset({"pyproject.toml", "requirements.txt", "fastmcp.json"})
_KINDS = "Deploy a .py file, a .zip or a .tar.gz."


@dataclass(frozen=True, slots=True)
class Bundle:
    """What was unpacked."""

    digest: str
    files: tuple[str, ...]
    """Names relative to the folder, sorted."""
    wrapper: str | None = None
    """The single top folder that was taken off."""


def unpack(file: BinaryIO, filename: str, destination: Path, limits: TreeLimits = LIMITS) -> Bundle:
    """Unpack `file`, which was called `filename`, into `destination`, which must not exist yet.

    Files get mode 0444. When it fails, `destination` holds rubbish that the caller removes. Raises BundleError.
    """
    destination.mkdir(mode=0o700)
    writer = TreeWriter(destination, limits, ignored=_is_macos_extra)
    _READERS[_kind(file, filename)](file, filename, writer, limits)
    if not writer.files:
        raise BundleError("The bundle holds no file.", hint=_KINDS)
    wrapper = _wrapper([name for name, _ in writer.files])
    files = writer.files
    if wrapper is not None:
        _take_off(destination, wrapper)
        files = [(name.removeprefix(f"{wrapper}/"), content) for name, content in files]
    return Bundle(tree_digest(files), tuple(sorted(name for name, _ in files)), wrapper)


def _kind(file: BinaryIO, filename: str) -> str:
    """What the file is by its name, which must agree with its first bytes."""
    length = file.seek(0, 2)
    if length > MAX_ARCHIVE_BYTES:
        raise BundleError(
            f"The archive is larger than {MAX_ARCHIVE_BYTES // MIB} MB.",
            code="too_large",
            hint="Leave out data, caches and virtual environments: the bundle is for source code.",
        )
    file.seek(0)
    start = file.read(4)
    file.seek(0)
    lower = filename.lower()
    named = "py" if lower.endswith(".py") else "zip" if lower.endswith(".zip") else None
    if lower.endswith((".tar.gz", ".tgz")):
        named = "tar.gz"
    found = "zip" if start[:2] == b"PK" else "tar.gz" if start[:2] == b"\x1f\x8b" else "py"
    if named is None:
        raise BundleError(f"'{filename[-80:]}' is not a kind of file that can be deployed.", hint=_KINDS)
    if named != found:
        really = {"zip": "a zip archive", "tar.gz": "a gzip archive", "py": f"no {named} archive"}[found]
        raise BundleError(f"'{filename[-80:]}' is {really}.", hint=f"Name it after what it is. {_KINDS}")
    return named


def _read_python(file: BinaryIO, filename: str, writer: TreeWriter, limits: TreeLimits) -> None:
    name = PurePosixPath(filename.replace("\\", "/")).name
    length = file.seek(0, 2)
    file.seek(0)
    writer.add_file(name, length, iter(lambda: file.read(CHUNK), b""))


def _read_zip(file: BinaryIO, filename: str, writer: TreeWriter, limits: TreeLimits) -> None:
    for entry in read_zip(file, limits):
        if entry.is_file:
            writer.add_file(entry.name, entry.size, entry.chunks)
        else:
            writer.add_folder(entry.name)


def _read_tar_gz(file: BinaryIO, filename: str, writer: TreeWriter, limits: TreeLimits) -> None:
    headers = (limits.files + limits.folders) * _HEADER_BYTES
    for entry in read_tar(GzipSource(file, limits.total_bytes + headers)):
        if entry.is_file:
            writer.add_file(entry.name, entry.size, entry.chunks)
        else:
            writer.add_folder(entry.name)


_READERS = {"py": _read_python, "zip": _read_zip, "tar.gz": _read_tar_gz}


def _is_macos_extra(name: str) -> bool:
    parts = name.split("/")
    return "__MACOSX" in parts or parts[-1] == ".DS_Store" or parts[-1].startswith("._")


def _wrapper(names: list[str]) -> str | None:
    top, slash, _ = names[0].partition("/")
    if not slash or not all(name.startswith(f"{top}/") for name in names):
        return None
    direct = [name.removeprefix(f"{top}/") for name in names if name.count("/") == 1]
    is_project = any(name.endswith(".py") or name in _PROJECT_FILES for name in direct)
    return top if is_project and "__init__.py" not in direct else None


def _take_off(destination: Path, wrapper: str) -> None:
    """Make the folder `wrapper` inside `destination` be `destination`."""
    aside = destination.with_name(f"{destination.name}.wrapped")
    destination.rename(aside)
    (aside / wrapper).rename(destination)
    aside.rmdir()
