"""A Python server's source: files of the store in a document, and back into a bundle. Equal files make equal bytes."""

from __future__ import annotations

import base64
import binascii
import io
import stat
import tempfile
import zipfile
from pathlib import Path
from typing import Final

from controlplane.declarative.document import Encoded
from controlplane.declarative.errors import InvalidConfiguration, TooLargeToExport
from controlplane.declarative.texts import MAX_BYTES
from controlplane.registry import sources
from controlplane.registry.errors import BuildFailure
from mcp_runtime.sandbox.bundle import BundleError, unpack

Files = dict[str, str | Encoded]
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)


def files_in(folder: Path, server: str) -> Files:
    """What was unpacked there, by name. Raises TooLargeToExport."""
    found: Files = {}
    size = 0
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        size += path.stat().st_size
        if size > MAX_BYTES:
            raise TooLargeToExport(f"The source of '{server}'", MAX_BYTES)
        found[path.relative_to(folder).as_posix()] = _written(path.read_bytes())
    return found


def bundle_of(files: Files, where: str) -> bytes:
    """The same files always make the same archive. Raises InvalidConfiguration."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3  # Unix, wherever it was packed
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, _read(files[name], f"{where}.{name}"))
    return buffer.getvalue()


def check(bundle: bytes, entrypoint: str, where: str, *, is_command: bool = False) -> None:
    """Whether a build would find a server in it, without running any of it. Raises InvalidConfiguration."""
    with tempfile.TemporaryDirectory(prefix="stoa-") as folder:
        try:
            unpacked = unpack(io.BytesIO(bundle), "source.zip", Path(folder) / "tree")
            if is_command:
                sources.inspect_command(Path(folder) / "tree")
            else:
                sources.inspect(Path(folder) / "tree", entrypoint or None)
        except (BundleError, BuildFailure) as error:
            raise InvalidConfiguration(error.message, where, error.hint) from error
    if unpacked.wrapper is not None:
        raise InvalidConfiguration(
            f"All files are in the folder '{unpacked.wrapper}'.", f"{where}.files", "Name them without that folder."
        )


def _written(data: bytes) -> str | Encoded:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Encoded(base64=base64.b64encode(data).decode("ascii"))
    # YAML reads no other control characters, and a mark at the start is not text to it.
    plain = not text.startswith("\ufeff") and all(char >= " " or char in "\t\n\r" for char in text)
    return text if plain else Encoded(base64=base64.b64encode(data).decode("ascii"))


def _read(content: str | Encoded, where: str) -> bytes:
    try:
        return content.encode() if isinstance(content, str) else base64.b64decode(content.base64, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidConfiguration("The file is neither text nor Base64.", where) from None
