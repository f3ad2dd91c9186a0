"""A strict reader of zip archives: what it does not know, it refuses (SANDBOX 5). Standard library only.

The central directory and the local headers must tell the same story, and every byte must belong to exactly one
entry: overlapping entries, hidden ones and programs glued to an archive are refused.
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from mcp_runtime.sandbox.tars import CHUNK, check_ratio, not_a_file
from mcp_runtime.sandbox.trees import BundleError, TreeLimits, shown

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_MAX_COMMENT = 0xFFFF
_ENCRYPTED, _DESCRIPTOR, _PATCH, _STRONG, _UTF8, _MASKED = 1, 1 << 3, 1 << 5, 1 << 6, 1 << 11, 1 << 13
_STORED, _DEFLATED = 0, 8
_ZIP64 = 0xFFFFFFFF
_REMEDY = "Make the archive again, for example: zip -r ../bundle.zip ."


class ZipEntry(NamedTuple):
    name: str
    size: int
    is_file: bool
    chunks: Iterator[bytes]


class _Record(NamedTuple):
    name: str
    raw_name: bytes
    flags: int
    method: int
    checksum: int
    packed: int
    size: int
    attributes: int
    offset: int


def read_zip(file: BinaryIO, limits: TreeLimits) -> Iterator[ZipEntry]:
    """The files and folders of a zip archive, in the order of their bytes. Raises BundleError."""
    records, directory = _records(file, limits)
    position = 0
    packed = unpacked = 0
    for number, record in enumerate(records):
        following = records[number + 1].offset if number + 1 < len(records) else directory
        start = _check_local(file, record, position, following)
        packed += record.packed
        unpacked += record.size
        check_ratio(record.size, record.packed, record.name)
        check_ratio(unpacked, packed, record.name)
        _check_kind(record)
        yield ZipEntry(record.name, record.size, not record.name.endswith("/"), _content(file, start, record))
        position = following
    if position != directory:
        raise _broken("has bytes that belong to no file")


def _records(file: BinaryIO, limits: TreeLimits) -> tuple[list[_Record], int]:
    """The central directory, sorted by offset, and where it starts."""
    count, size, start = _end(file)
    if count > limits.files + limits.folders:
        raise BundleError(
            f"The archive holds more than {limits.files} files.",
            code="too_large",
            hint="Leave out data, caches and virtual environments: the bundle is for source code.",
        )
    file.seek(start)
    data = file.read(size)
    records: list[_Record] = []
    position = 0
    while position < size and len(records) < count:
        record, position = _central(data, position)
        records.append(record)
    if len(records) != count or position != size:
        raise _broken("has a damaged list of files")
    return sorted(records, key=lambda record: record.offset), start


def _end(file: BinaryIO) -> tuple[int, int, int]:
    """Number of entries, and size and start of the central directory, from the record at the file's very end."""
    length = file.seek(0, 2)
    tail_start = max(0, length - _MAX_COMMENT - _END.size)
    file.seek(tail_start)
    tail = file.read(length - tail_start)
    found = []
    position = tail.rfind(b"PK\5\6")
    while position >= 0:
        if position + _END.size <= len(tail):
            fields = _END.unpack_from(tail, position)
            _, disk, first_disk, here, count, size, start, comment = fields
            at = tail_start + position
            if at + _END.size + comment == length and start + size == at:
                found.append((disk, first_disk, here, count, size, start))
        position = tail.rfind(b"PK\5\6", 0, position)
    if not found:
        raise BundleError(
            "The archive is cut off, or has more bytes before its start or after its end.",
            code="truncated",
            hint=_REMEDY,
        )
    disk, first_disk, here, count, size, start = found[0]
    if len(found) > 1 or disk or first_disk or here != count:
        raise _broken("can be read in two ways, or is one part of several")
    return count, size, start


def _central(data: bytes, position: int) -> tuple[_Record, int]:
    if position + _CENTRAL.size > len(data):
        raise _broken("has a damaged list of files")
    fields = _CENTRAL.unpack_from(data, position)
    signature, _, _, flags, method, _, _, checksum, packed, size, name, extra, comment, disk = fields[:14]
    attributes, offset = fields[15:]
    end = position + _CENTRAL.size + name + extra + comment
    if signature != b"PK\1\2" or end > len(data) or disk:
        raise _broken("has a damaged list of files")
    raw_name = data[position + _CENTRAL.size : position + _CENTRAL.size + name]
    text = _name(raw_name)
    if _ZIP64 in (packed, size, offset):
        raise BundleError(
            f"'{shown(text)}' uses the ZIP64 form, which bundles have no need of.", entry=text, hint=_REMEDY
        )
    return _Record(text, raw_name, flags, method, checksum, packed, size, attributes, offset), end


def _name(raw: bytes) -> str:
    """UTF-8, whether or not the flag says so: ASCII is the same in both, and other code pages are a guess."""
    try:
        name = raw.decode()
    except UnicodeDecodeError as error:
        raise BundleError(
            "The archive has a name that is not UTF-8.",
            code="bad_name",
            entry=raw[:200].decode(errors="backslashreplace"),
            hint="Rename the file: letters, digits, '-', '_' and '.' are safe.",
        ) from error
    if "\0" in name:
        raise _broken("has a name with a NUL byte", name)
    return name


def _check_local(file: BinaryIO, record: _Record, position: int, following: int) -> int:
    """Compare the local header with the central one; return where the content starts."""
    if record.offset != position:
        raise _broken("has overlapping files or bytes that belong to none", record.name)
    file.seek(position)
    header = file.read(_LOCAL.size)
    if len(header) != _LOCAL.size:
        raise _broken("is damaged", record.name)
    signature, _, flags, method, _, _, checksum, packed, size, name, extra = _LOCAL.unpack(header)
    streamed = bool(flags & _DESCRIPTOR)
    told = (checksum, packed, size)
    known = (record.checksum, record.packed, record.size)
    if (
        signature != b"PK\3\4"
        or file.read(name) != record.raw_name
        or (flags, method) != (record.flags, record.method)
        or not (told == known or (streamed and set(told) <= {0, _ZIP64}))
    ):
        raise _broken("contradicts itself", record.name)
    start: int = position + _LOCAL.size + name + extra
    rest = following - start - record.packed
    if rest not in ((12, 16, 20, 24) if streamed else (0,)):
        raise _broken("has overlapping files or bytes that belong to none", record.name)
    return start


def _check_kind(record: _Record) -> None:
    """Regular files and folders, not encrypted, in one of the two methods that everybody reads."""
    name = record.name
    if record.flags & (_ENCRYPTED | _PATCH | _STRONG | _MASKED):
        raise BundleError(f"'{shown(name)}' is encrypted.", entry=name, hint="Make the archive without a password.")
    if record.method not in (_STORED, _DEFLATED):
        raise BundleError(f"'{shown(name)}' is compressed in a rare way.", entry=name, hint=_REMEDY)
    kind = stat.S_IFMT(record.attributes >> 16)
    if kind == stat.S_IFLNK:
        raise not_a_file(name, "a symbolic link")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise not_a_file(name, "a device, pipe or socket")
    if (kind == stat.S_IFDIR) != name.endswith("/") and kind:
        raise _broken("has a folder that is a file", name)
    if name.endswith("/") and record.size:
        raise _broken("has a folder with content", name)


def _content(file: BinaryIO, start: int, record: _Record) -> Iterator[bytes]:
    checksum = size = 0
    for chunk in _inflated(file, start, record) if record.method == _DEFLATED else _stored(file, start, record):
        checksum = zlib.crc32(chunk, checksum)
        size += len(chunk)
        yield chunk
    if (checksum, size) != (record.checksum, record.size):
        raise _broken("has a damaged file", record.name)


def _stored(file: BinaryIO, start: int, record: _Record) -> Iterator[bytes]:
    file.seek(start)
    left = record.packed
    while left:
        data = file.read(min(left, CHUNK))
        if not data:
            raise _broken("is cut off", record.name)
        left -= len(data)
        yield data


def _inflated(file: BinaryIO, start: int, record: _Record) -> Iterator[bytes]:
    inflater = zlib.decompressobj(wbits=-15)
    unpacked = 0
    for data in _stored(file, start, record):
        waiting = data
        more = True
        while more and not inflater.eof:
            try:
                chunk = inflater.decompress(waiting, CHUNK)
            except zlib.error as error:
                raise _broken("has a damaged file", record.name) from error
            waiting = inflater.unconsumed_tail
            unpacked += len(chunk)
            check_ratio(unpacked, record.packed, record.name)
            yield chunk
            more = bool(waiting) or len(chunk) == CHUNK  # a full chunk: zlib may hold more output without input
    if not inflater.eof or inflater.unused_data:
        raise _broken("has a damaged file", record.name)


def _broken(what: str, name: str | None = None) -> BundleError:
    where = f" (at '{shown(name)}')" if name else ""
    return BundleError(f"The archive {what}{where}.", entry=name, hint=_REMEDY)
