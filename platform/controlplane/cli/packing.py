"""Turn what the user points at into a bundle. The same files always make the same bytes."""

from __future__ import annotations

import io
import os
import re
import stat
import subprocess
import unicodedata
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from controlplane.cli.errors import CliError

MAX_FILES = 2_000
MAX_BYTES = 50 * 1024 * 1024
MAX_FILE_BYTES = 10 * 1024 * 1024
"""The bounds of the platform's unpacker, told before the upload instead of after it."""

ARCHIVES = (".zip", ".tar.gz", ".tgz")
ALWAYS_LEFT_OUT = (
    ".git", ".hg", ".svn", ".env", ".env.*", "*.env", ".envrc", ".venv", "venv", ".stoa", ".netrc", ".pypirc",
    "id_rsa", "id_ed25519", "*.pem", "*.key", "__pycache__", "*.pyc", "*.pyo", "node_modules", ".mypy_cache",
    ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox", ".coverage", ".idea", ".vscode", ".DS_Store",
    "*.egg-info", "dist", "Thumbs.db",
)  # fmt: skip
"""Names that never travel, wherever they stand: secrets, environments, caches and what tools leave behind."""
GENERIC_NAMES = frozenset({"server", "main", "app", "mcp_server", "src"})
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Bundle:
    file_name: str
    data: bytes
    files: int
    skipped: tuple[str, ...] = ()
    """Links and special files that cannot travel."""


def pack(path: Path) -> Bundle:
    """The bundle of a .py file, a folder, a .zip or a .tar.gz. Raises CliError."""
    if path.is_dir():
        return _pack_folder(path)
    if not path.is_file():
        raise CliError(
            f"There is no file or folder '{path}'.",
            hint="Name a .py file, a folder, a .zip or a .tar.gz.",
        )
    if path.suffix != ".py" and not path.name.endswith(ARCHIVES):
        raise CliError(
            f"'{path.name}' is no Python file and no archive.",
            hint="Name a .py file, a folder, a .zip or a .tar.gz.",
        )
    data = path.read_bytes()
    if len(data) > MAX_BYTES:
        raise _too_large(path.name, len(data), MAX_BYTES)
    return Bundle(path.name, data, 1)


def default_name(path: Path) -> str:
    """The server's name when none is given: `weather.py` and `weather/server.py` are both `weather`."""
    path = path.resolve()
    stem = path.name if path.is_dir() else re.sub(r"(\.tar\.gz|\.tgz|\.zip|\.py)$", "", path.name)
    if stem in GENERIC_NAMES and path.parent.name:
        stem = path.parent.name
    ascii_name = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_name.lower()).strip("-")[:50].strip("-")
    if not slug:
        raise CliError(f"No server name can be made of '{stem}'.", hint="Pass one: --name weather")
    return slug


def _pack_folder(folder: Path) -> Bundle:
    files: list[tuple[str, Path]] = []
    skipped: list[str] = []
    for relative in sorted(_git_files(folder) or _walk(folder)):
        if any(fnmatchcase(part, pattern) for part in relative.split("/") for pattern in ALWAYS_LEFT_OUT):
            continue
        path = folder / relative
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:  # git knows it, the disk does not: deleted and not yet committed
            continue
        if not stat.S_ISREG(mode) or _through_link(folder, relative):
            skipped.append(relative)
            continue
        files.append((relative, path))
    if not files:
        raise CliError(
            f"'{folder}' holds no file to deploy.",
            hint="Point at the folder with server.py in it.",
        )
    if len(files) > MAX_FILES:
        raise CliError(
            f"'{folder}' holds {len(files)} files; a bundle holds at most {MAX_FILES}.",
            hint="Deploy the server's own folder. Files that git ignores are left out.",
        )
    return Bundle(f"{folder.resolve().name}.zip", _zip(files), len(files), tuple(skipped))


def _zip(files: list[tuple[str, Path]]) -> bytes:
    buffer = io.BytesIO()
    total = 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in files:
            data = path.read_bytes()
            total += len(data)
            if len(data) > MAX_FILE_BYTES:
                raise _too_large(name, len(data), MAX_FILE_BYTES)
            if total > MAX_BYTES:
                raise _too_large("The folder", total, MAX_BYTES)
            info = zipfile.ZipInfo(unicodedata.normalize("NFC", name), _EPOCH)
            info.create_system = 3  # Unix, wherever it was packed
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return buffer.getvalue()


def _git_files(folder: Path) -> list[str] | None:
    """What git would track, honouring every ignore file; None outside a work tree or without git."""
    command = [
        "git",
        "-c",
        "core.fsmonitor=false",
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name] or None


def _walk(folder: Path) -> Iterator[str]:
    for root, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if not any(fnmatchcase(name, pattern) for pattern in ALWAYS_LEFT_OUT)
            and not (Path(root) / name / "pyvenv.cfg").exists()
        ]
        for name in names:
            yield (Path(root) / name).relative_to(folder).as_posix()


def _through_link(folder: Path, relative: str) -> bool:
    parents = Path(relative).parents
    return any((folder / parent).is_symlink() for parent in parents if parent != Path("."))


def _too_large(name: str, size: int, limit: int) -> CliError:
    return CliError(
        f"{name} is {size / 1024 / 1024:.1f} MB; at most {limit // 1024 // 1024} MB can be deployed.",
        hint="Leave data out of the bundle: put it behind a URL or into a package.",
    )
