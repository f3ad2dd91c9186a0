"""Makes archives, good and hostile, byte by byte where the standard library would not."""

from __future__ import annotations

import gzip
import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from mcp_runtime.sandbox.bundle import LIMITS, Bundle, unpack
from mcp_runtime.sandbox.trees import TreeLimits


def unpacked(data: bytes, filename: str, limits: TreeLimits = LIMITS) -> tuple[Bundle, dict[str, bytes]]:
    """What a bundle unpacks to: the bundle, and its files by name."""
    with TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        bundle = unpack(io.BytesIO(data), filename, tree, limits)
        found = {path.relative_to(tree).as_posix(): path.read_bytes() for path in tree.rglob("*") if path.is_file()}
        return bundle, found


def zipped(files: Mapping[str, bytes | str], *, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zipped_as(mode: int, name: str = "entry", content: bytes = b"target") -> bytes:
    """A zip whose one entry claims a Unix file type."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (mode | 0o644) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(info, content)
    return buffer.getvalue()


def tarred(files: Mapping[str, bytes | str], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    return tar_gz([(entry(name), content) for name, content in files.items()], form=form)


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def tar_gz(
    entries: list[tuple[tarfile.TarInfo, bytes | str]], *, form: int = tarfile.PAX_FORMAT, level: int = 6
) -> bytes:
    return gzip.compress(tar(entries, form=form), level)


def tar(entries: list[tuple[tarfile.TarInfo, bytes | str]], *, form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for info, content in entries:
            data = content.encode() if isinstance(content, str) else content
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def raw_tar(name: bytes, content: bytes = b"", *, kind: bytes = b"0", size: bytes | None = None) -> bytes:
    """One tar header and its content, without the end: the fields that the standard library would not write."""
    header = bytearray(512)
    header[0 : len(name)] = name
    header[100:108] = b"0000644\0"
    header[108:116] = header[116:124] = b"0000000\0"
    header[124:136] = size if size is not None else b"%011o\0" % len(content)
    header[136:148] = b"00000000000\0"
    header[156:157] = kind
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content + bytes(-len(content) % 512)


END = bytes(1024)


def raw_zip(name: bytes, content: bytes, *, claimed: int | None = None, method: int = 0, flags: int = 0) -> bytes:
    """A zip with one entry whose fields may lie."""
    deflater = zlib.compressobj(wbits=-15)
    packed = content if method != 8 else deflater.compress(content) + deflater.flush()
    size = len(content) if claimed is None else claimed
    fields = (flags, method, 0, 33, zlib.crc32(content), len(packed), size)
    local = struct.pack("<4s5H3L2H", b"PK\3\4", 20, *fields, len(name), 0) + name
    central = struct.pack("<4s6H3L5H2L", b"PK\1\2", 20, 20, *fields, len(name), 0, 0, 0, 0, 0, 0) + name
    start = len(local) + len(packed)
    return local + packed + central + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(central), start, 0)


SYMLINK, FIFO, SOCKET, CHARACTER, BLOCK = stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK
