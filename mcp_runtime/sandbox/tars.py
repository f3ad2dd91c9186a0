"""A strict reader of tar streams: what it does not know, it refuses (SANDBOX 5). Standard library only.

Python's `tarfile` takes truncated gzip streams for whole ones, follows nested headers by recursion and, before
3.11.4, has no extraction filter: hence this one. It reads POSIX (ustar, pax) and GNU archives of regular files.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from mcp_runtime.sandbox.trees import MIB, BundleError, shown

BLOCK = 512
CHUNK = 256 * 1024
MAX_HEADER_BYTES = 64 * 1024
"""Of one pax header or GNU long name."""
MAX_PADDING = MIB
"""Zeros after the end; tar fills up to its record size."""
MAX_RATIO = 200
RATIO_FLOOR = MIB
"""Output below this is never a bomb."""

_REMEDY = "Make the archive again, for example: tar czf ../bundle.tar.gz ."
_REFUSED = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a named pipe",
    b"7": "a contiguous file",
    b"S": "a sparse file",
    b"K": "a link",
}


class Source(Protocol):
    def read(self, size: int) -> bytes:
        """At most `size` bytes; empty at the end, as often as asked."""


class TarEntry(NamedTuple):
    name: str
    size: int
    is_file: bool
    chunks: Iterator[bytes]
    """The content; what is not read of it is skipped before the next entry."""


def read_tar(source: Source) -> Iterator[TarEntry]:
    """The files and folders of a tar stream, to its very end. Raises BundleError."""
    reader = _Reader(source)
    pax: dict[str, str] = {}
    long_name: str | None = None
    while (header := reader.header()) is not None:
        kind, name, size = _parsed(header)
        if kind in (b"x", b"g", b"L"):
            body = reader.body(name, size)
            if kind == b"L":
                if long_name is not None:
                    raise _broken("has two long names for one file", name)
                long_name = _text(body.rstrip(b"\0"))
            elif kind == b"g":
                _check_global(_pax(body, name), name)
            else:
                if pax:
                    raise _broken("has two extended headers for one file", name)
                pax = _pax(body, name)
            continue
        name = pax.get("path", long_name if long_name is not None else name)
        size = _pax_size(pax, size, name)
        pax, long_name = {}, None
        if kind in _REFUSED:
            raise not_a_file(name, _REFUSED[kind])
        if kind not in (b"0", b"\0", b"5"):
            raise not_a_file(name, f"an entry of unknown type {kind!r}")
        is_folder = kind == b"5" or (kind == b"\0" and name.endswith("/"))  # as before POSIX
        if is_folder and size:
            raise _broken("has a folder with content", name)
        chunks = reader.chunks(size, name)
        yield TarEntry(name, size, not is_folder, chunks)
        for _ in chunks:
            pass
    if pax or long_name is not None:
        raise _broken("ends after a header that announces a file")


def not_a_file(name: str, what: str) -> BundleError:
    return BundleError(
        f"'{shown(name)}' is {what}. A bundle holds regular files only.",
        code="not_a_file",
        entry=name,
        hint="Replace it by a copy of the file, or leave it out.",
    )


def check_ratio(unpacked: int, packed: int, name: str | None = None) -> None:
    """Refuse a bomb. Raises BundleError."""
    if unpacked > RATIO_FLOOR and unpacked > MAX_RATIO * packed:
        raise BundleError(
            f"The archive unpacks to more than {MAX_RATIO} times its size.",
            code="too_large",
            entry=name,
            hint="Leave out the file that is nearly all zeros or repeats, or make it when the server starts.",
        )


class GzipSource:
    """One gzip member, whole: no missing end, nothing after it, no bomb, no more than `limit` bytes."""

    def __init__(self, source: Source, limit: int) -> None:
        self._source = source
        self._limit = limit
        self._inflater = zlib.decompressobj(wbits=31)
        self._waiting = b""
        self._packed = 0
        self._unpacked = 0

    def read(self, size: int) -> bytes:
        while not self._inflater.eof:
            data = self._waiting or self._source.read(CHUNK)
            if not data:
                raise BundleError(
                    "The archive is cut off: its compressed stream does not end.", code="truncated", hint=_REMEDY
                )
            self._packed += 0 if self._waiting else len(data)
            try:
                out = self._inflater.decompress(data, size)
            except zlib.error as error:
                raise BundleError(f"The archive is damaged: {error}.", hint=_REMEDY) from error
            self._waiting = self._inflater.unconsumed_tail
            self._unpacked += len(out)
            check_ratio(self._unpacked, self._packed)
            if self._unpacked > self._limit:
                raise BundleError(
                    f"The archive unpacks to more than {self._limit // MIB} MB.",
                    code="too_large",
                    hint="Leave out data, caches and virtual environments: the bundle is for source code.",
                )
            if out:
                return out
        if self._inflater.unused_data or self._source.read(1):
            raise BundleError("The archive has more bytes after its end.", hint=_REMEDY)
        return b""


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source

    def header(self) -> bytes | None:
        """The next header block; None at the end, which is two blocks of zeros and nothing but zeros after them."""
        block = self._exactly(BLOCK)
        if block.strip(b"\0"):
            return block
        if self._exactly(BLOCK).strip(b"\0"):
            raise _broken("goes on after its end")
        padding = 0
        while data := self._source.read(CHUNK):
            padding += len(data)
            if data.strip(b"\0") or padding > MAX_PADDING:
                raise _broken("has more bytes after its end")
        return None

    def body(self, name: str, size: int) -> bytes:
        if size > MAX_HEADER_BYTES:
            raise BundleError(
                f"The archive has a header of {size} bytes.", code="bad_name", entry=name, hint="Shorten the names."
            )
        return b"".join(self.chunks(size, name))

    def chunks(self, size: int, name: str) -> Iterator[bytes]:
        left = size
        while left:
            data = self._source.read(min(left, CHUNK))
            if not data:
                raise _cut_off(name)
            left -= len(data)
            yield data
        if size % BLOCK and self._exactly(BLOCK - size % BLOCK, name).strip(b"\0"):
            raise _broken("has bytes between its files", name)

    def _exactly(self, size: int, name: str | None = None) -> bytes:
        data = bytearray()
        while len(data) < size:
            more = self._source.read(size - len(data))
            if not more:
                raise _cut_off(name)
            data += more
        return bytes(data)


def _parsed(header: bytes) -> tuple[bytes, str, int]:
    """Type, name and size of a header block."""
    if _octal(header[148:156]) != sum(header[:148]) + 8 * 32 + sum(header[156:]):
        raise _broken("has a header with a wrong checksum")
    magic = header[257:265]
    if magic not in (b"ustar\x0000", b"ustar  \0"):
        raise _broken("is in a format from before 1988")
    name = _text(_field(header[:100]))
    prefix = _text(_field(header[345:500])) if magic == b"ustar\x0000" else ""
    return header[156:157], f"{prefix}/{name}" if prefix else name, _octal(header[124:136])


def _field(data: bytes) -> bytes:
    text, _, rest = data.partition(b"\0")
    if rest.strip(b"\0"):
        raise _broken("has a name with a NUL byte", _text(text))
    return text


def _octal(data: bytes) -> int:
    digits = data.strip(b" \0")
    if not digits.isdigit() or digits.strip(b"01234567"):
        raise _broken("has a header with a broken number")
    return int(digits, 8)


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BundleError(
            "The archive has a name that is not UTF-8.",
            code="bad_name",
            entry=data[:200].decode(errors="backslashreplace"),
            hint="Rename the file: letters, digits, '-', '_' and '.' are safe.",
        ) from error


def _pax(body: bytes, name: str) -> dict[str, str]:
    """The records of a pax header: `<length> <key>=<value>\\n`."""
    records: dict[str, str] = {}
    position = 0
    while position < len(body):
        digits, space, _ = body[position : position + 6].partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        record = body[position + len(digits) + 1 : position + length]
        key, equals, value = record.partition(b"=")
        if len(record) != length - len(digits) - 1 or not equals or not value.endswith(b"\n"):
            raise _broken("has a damaged extended header", name)
        keyword = _text(key)
        if keyword.startswith("GNU.sparse"):
            raise not_a_file(name, "a sparse file")
        if keyword == "hdrcharset" or keyword in records:
            raise _broken(f"has an extended header with an unexpected '{shown(keyword)}'", name)
        if keyword in ("path", "size", "linkpath"):
            records[keyword] = _text(value[:-1])
        position += length
    return records


def _check_global(records: dict[str, str], name: str) -> None:
    if records:
        raise _broken("sets names or sizes for all files at once", name)


def _pax_size(pax: dict[str, str], size: int, name: str) -> int:
    value = pax.get("size")
    if value is None:
        return size
    if not value.isascii() or not value.isdigit() or len(value) > 15:
        raise _broken("has an extended header with a broken size", name)
    return int(value)


def _broken(what: str, name: str | None = None) -> BundleError:
    where = f" (at '{shown(name)}')" if name else ""
    return BundleError(f"The archive {what}{where}.", entry=name, hint=_REMEDY)


def _cut_off(name: str | None) -> BundleError:
    where = f" in '{shown(name)}'" if name else ""
    return BundleError(f"The archive is cut off{where}.", code="truncated", entry=name, hint=_REMEDY)
