"""Archives that somebody made to do harm, or that broke on the way. Each is refused, with a name and a remedy."""

from __future__ import annotations

import gzip
import io
import os
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from mcp_runtime.sandbox.bundle import BundleError
from mcp_runtime.sandbox.trees import MIB, TreeLimits
from tests.mcp_runtime.sandbox.bundle import archives
from tests.mcp_runtime.sandbox.bundle.archives import (
    END,
    entry,
    raw_tar,
    raw_zip,
    tar,
    tar_gz,
    tarred,
    unpacked,
    zipped,
    zipped_as,
)

NAMES = {
    "traversal": "../outside.py",
    "traversal inside": "a/../../outside.py",
    "traversal that stays": "a/../b.py",
    "absolute": "/etc/cron.d/evil",
    "only dots": "..",
    "empty part": "a//b.py",
    "dot part": "a/./b.py",
    "backslash": "a\\..\\..\\b.py",
    "windows drive": "C:\\evil.py",
    "line end": "a\nb.py",
    "escape sequence": "\x1b[2Jb.py",
    "right-to-left override": "\u202eyp.exe",
    "zero-width space": "a\u200b.py",
    "line separator": "a\u2028b.py",
    "decomposed accent": "cafe\u0301.py",
    "name of 256 bytes": "n" * 256,
    "path of 1,100 bytes": "/".join(["n" * 99] * 11),
    "17 deep": "/".join(["a"] * 17),
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_a_dangerous_name_is_refused(name: str, form: str) -> None:
    data = zipped({name: "x"}) if form == "zip" else tarred({name: "x"})

    with pytest.raises(BundleError) as refusal:
        unpacked(data, f"a.{form}")

    assert refusal.value.code == "bad_name"
    assert refusal.value.entry
    assert refusal.value.hint


SAME_NAMES = {
    "twice": [("a.py", "1"), ("a.py", "2")],
    "by case": [("a.py", "1"), ("A.py", "2")],
    "by case of a folder": [("a/x.py", "1"), ("A/y.py", "2")],
    "by case folding": [("straße.py", "1"), ("STRASSE.py", "2")],
    "file and folder": [("a", "1"), ("a/b.py", "2")],
    "folder and file": [("a/b.py", "2"), ("a", "1")],
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("files", SAME_NAMES.values(), ids=SAME_NAMES.keys())
@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_two_files_of_one_name_are_refused(files: list[tuple[str, str]], form: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files:
            archive.writestr(name, content)
    data = buffer.getvalue() if form == "zip" else tar_gz([(entry(name), content) for name, content in files])

    with pytest.raises(BundleError) as refusal:
        unpacked(data, f"a.{form}")

    assert refusal.value.code == "bad_name"


KINDS = {
    "symbolic link": (tarfile.SYMTYPE, "/etc/passwd"),
    "hard link": (tarfile.LNKTYPE, "a.py"),
    "character device": (tarfile.CHRTYPE, ""),
    "block device": (tarfile.BLKTYPE, ""),
    "pipe": (tarfile.FIFOTYPE, ""),
    "contiguous file": (tarfile.CONTTYPE, ""),
    "unknown type": (b"V", ""),
}


@pytest.mark.parametrize(("kind", "target"), KINDS.values(), ids=KINDS.keys())
def test_what_is_no_file_is_refused_in_a_tar(kind: bytes, target: str) -> None:
    data = tar_gz([(entry("a.py"), "1"), (entry("b", kind, target), "")])

    with pytest.raises(BundleError) as refusal:
        unpacked(data, "a.tar.gz")

    assert (refusal.value.code, refusal.value.entry) == ("not_a_file", "b")


@pytest.mark.parametrize("kind", [archives.SYMLINK, archives.FIFO, archives.SOCKET, archives.CHARACTER, archives.BLOCK])
def test_what_is_no_file_is_refused_in_a_zip(kind: int) -> None:
    with pytest.raises(BundleError) as refusal:
        unpacked(zipped_as(kind), "a.zip")

    assert (refusal.value.code, refusal.value.entry) == ("not_a_file", "entry")


def test_a_link_to_a_folder_cannot_be_written_through() -> None:
    data = tar_gz([(entry("out", tarfile.SYMTYPE, "/tmp"), ""), (entry("out/evil.py"), "1")])

    with pytest.raises(BundleError):
        unpacked(data, "a.tar.gz")

    assert not Path("/tmp/evil.py").exists()


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_a_bomb_is_refused_while_it_unpacks(form: str) -> None:
    files = {"zeros.bin": bytes(9 * MIB)}
    data = zipped(files) if form == "zip" else tarred(files)

    with pytest.raises(BundleError, match="200 times") as refusal:
        unpacked(data, f"a.{form}")

    assert refusal.value.code == "too_large"


def test_a_bomb_in_many_small_files_is_refused() -> None:
    files = {f"{number}.bin": bytes(MIB // 2) for number in range(20)}

    with pytest.raises(BundleError, match="200 times"):
        unpacked(zipped(files), "a.zip")


def test_a_zip_that_lies_about_a_size_is_refused() -> None:
    data = raw_zip(b"a.bin", bytes(5 * MIB), claimed=100, method=8)

    with pytest.raises(BundleError):
        unpacked(data, "a.zip")


def test_a_file_that_is_too_large_is_refused_by_its_claim() -> None:
    data = gzip.compress(raw_tar(b"big.bin", size=b"77777777777\0") + b"x" * 512)

    with pytest.raises(BundleError, match=r"'big.bin' is larger than 10 MB") as refusal:
        unpacked(data, "a.tar.gz")

    assert refusal.value.code == "too_large"


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_a_bundle_that_is_too_large_altogether_is_refused(form: str) -> None:
    noise = random.Random(1).randbytes(400)
    files = {f"{number}.bin": noise * 5 for number in range(30)}
    data = zipped(files) if form == "zip" else tarred(files)

    with pytest.raises(BundleError, match="unpacks to more than") as refusal:
        unpacked(data, f"a.{form}", TreeLimits(total_bytes=50_000))

    assert refusal.value.code == "too_large"


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_too_many_files_are_refused(form: str) -> None:
    files = {f"{number}.py": "" for number in range(2_001)}
    data = zipped(files) if form == "zip" else tarred(files)

    with pytest.raises(BundleError, match="more than 2000 files") as refusal:
        unpacked(data, f"a.{form}")

    assert refusal.value.code == "too_large"


def test_too_many_folders_are_refused() -> None:
    folders = [(entry(f"d{number}", tarfile.DIRTYPE), "") for number in range(4_001)]

    with pytest.raises(BundleError, match="folders"):
        unpacked(tar_gz([*folders, (entry("a.py"), "")]), "a.tar.gz")


GOOD_TAR = tarred({"server.py": os.urandom(3_000)})
GOOD_ZIP = zipped({"server.py": os.urandom(3_000), "b.py": "1"})

DAMAGED_TARS = {
    "gzip cut in the middle": GOOD_TAR[: len(GOOD_TAR) // 2],
    "gzip without its last byte": GOOD_TAR[:-1],
    "gzip without its checksum": GOOD_TAR[:-8],
    "gzip with a wrong checksum": GOOD_TAR[:-8] + b"\0\0\0\0" + GOOD_TAR[-4:],
    "bytes after gzip": GOOD_TAR + b"#!/bin/sh",
    "zeros after gzip": GOOD_TAR + bytes(512),
    "a second gzip member": GOOD_TAR + GOOD_TAR,
    "tar cut in a file": gzip.compress(tar([(entry("a.py"), "1" * 2_000)])[:1_024]),
    "tar cut in a header": gzip.compress(raw_tar(b"a.py", b"1")[:300]),
    "tar without its end": gzip.compress(raw_tar(b"a.py", b"1")),
    "tar with half its end": gzip.compress(raw_tar(b"a.py", b"1") + bytes(512)),
    "bytes after tar": gzip.compress(raw_tar(b"a.py", b"1") + END + raw_tar(b"b.py", b"2") + END),
    "wrong checksum": gzip.compress(raw_tar(b"a.py", b"1").replace(b"a.py", b"b.py") + END),
    "no tar at all": gzip.compress(b"hello" * 300),
    "empty": gzip.compress(END),
    "nothing": gzip.compress(b""),
    "size in base 256": gzip.compress(raw_tar(b"a.py", size=b"\x80" + bytes(10) + b"\1") + b"1" * 512 + END),
    "negative size": gzip.compress(raw_tar(b"a.py", size=b"-0000000001\0") + END),
    "name with NUL": gzip.compress(raw_tar(b"a.py\0/../b", b"1") + END),
    "name that is not UTF-8": gzip.compress(raw_tar(b"caf\xe9.py", b"1") + END),
    "bytes behind a file": gzip.compress(raw_tar(b"a.py", b"1")[:-4] + b"evil" + END),
    "folder with content": gzip.compress(raw_tar(b"a/", b"1" * 10, kind=b"5") + END),
    "two long names": gzip.compress(
        raw_tar(b"L", b"a.py\0", kind=b"L") + raw_tar(b"L", b"b.py\0", kind=b"L") + raw_tar(b"c.py", b"1") + END
    ),
    "long name at the end": gzip.compress(raw_tar(b"a.py", b"1") + raw_tar(b"L", b"b.py\0", kind=b"L") + END),
    "long link": gzip.compress(raw_tar(b"K", b"/etc/passwd\0", kind=b"K") + raw_tar(b"a", kind=b"2") + END),
    "huge extended header": gzip.compress(raw_tar(b"x", size=b"00001000000\0", kind=b"x") + bytes(262_144) + END),
    "damaged extended header": gzip.compress(raw_tar(b"x", b"99 path=a\n", kind=b"x") + raw_tar(b"a", b"1") + END),
    "traversal by extended header": gzip.compress(
        raw_tar(b"x", b"19 path=../../evil\n", kind=b"x") + raw_tar(b"a.py", b"1") + END
    ),
    "size by extended header": gzip.compress(
        raw_tar(b"x", b"12 size=-1\n\n", kind=b"x") + raw_tar(b"a.py", b"1") + END
    ),
    "names of all by a global header": gzip.compress(
        raw_tar(b"g", b"13 path=a.py\n", kind=b"g") + raw_tar(b"b.py", b"1") + END
    ),
    "sparse file": gzip.compress(raw_tar(b"x", b"22 GNU.sparse.major=1\n", kind=b"x") + raw_tar(b"a.py", b"1") + END),
}


@pytest.mark.parametrize("data", DAMAGED_TARS.values(), ids=DAMAGED_TARS.keys())
def test_a_damaged_tar_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError) as refusal:
        unpacked(data, "a.tar.gz")

    assert refusal.value.hint


def _glued(*entries: bytes) -> bytes:
    """A zip whose central directory lists the first entry twice, over the same bytes."""
    data = entries[0]
    end = data.rindex(b"PK\5\6")
    central = data.rindex(b"PK\1\2")
    record = data[central:end]
    doubled = record + record.replace(b"a.py", b"b.py")
    tail = bytearray(data[end:])
    tail[8:12] = b"\2\0\2\0"
    tail[12:16] = len(doubled).to_bytes(4, "little")
    return data[:central] + doubled + bytes(tail)


_DEFLATED = raw_zip(b"a.py", b"1" * 100, method=8)

DAMAGED_ZIPS = {
    "cut": GOOD_ZIP[:-10],
    "cut in the middle": GOOD_ZIP[: len(GOOD_ZIP) // 2],
    "bytes after it": GOOD_ZIP + b"#!/bin/sh",
    "another zip after it": GOOD_ZIP + GOOD_ZIP,
    "a program before it": b"PK" + b"\x90" * 62 + GOOD_ZIP,
    "overlapping entries": _glued(raw_zip(b"a.py", b"1" * 50)),
    "local name differs": raw_zip(b"a.py", b"1").replace(b"a.py", b"b.py", 1),
    "wrong checksum": GOOD_ZIP[:100] + bytes([GOOD_ZIP[100] ^ 1]) + GOOD_ZIP[101:],
    "encrypted": raw_zip(b"a.py", b"1", flags=1),
    "rare compression": zipped({"a.py": "1" * 100}, method=zipfile.ZIP_LZMA),
    "bzip2": zipped({"a.py": "1" * 100}, method=zipfile.ZIP_BZIP2),
    "ZIP64": raw_zip(b"a.py", b"1", claimed=0xFFFFFFFF),
    "name with NUL": raw_zip(b"a.py\0.txt", b"1"),
    "name that is not UTF-8": raw_zip(b"caf\xe9.py", b"1"),
    "folder with content": raw_zip(b"a/", b"1"),
    "empty": zipped({}),
    "only an end": b"PK\5\6" + bytes(18),
    "several disks": raw_zip(b"a.py", b"1")[:-18] + b"\1\0\1\0" + raw_zip(b"a.py", b"1")[-14:],
    "no zip at all": b"PK hello, this is text" * 10,
    "damaged compression": _DEFLATED[:34] + b"\xff" * 3 + _DEFLATED[37:],
}


@pytest.mark.parametrize("data", DAMAGED_ZIPS.values(), ids=DAMAGED_ZIPS.keys())
def test_a_damaged_zip_is_refused(data: bytes) -> None:
    with pytest.raises(BundleError) as refusal:
        unpacked(data, "a.zip")

    assert refusal.value.hint


WRONG_NAMES = {
    "zip called tar.gz": (GOOD_ZIP, "a.tar.gz"),
    "tar.gz called zip": (GOOD_TAR, "a.zip"),
    "zip called py": (GOOD_ZIP, "a.py"),
    "text called zip": (b"print()", "a.zip"),
    "tar": (tar([(entry("a.py"), "")]), "a.tar"),
    "program": (b"\x7fELF", "a.exe"),
    "no ending": (b"print()", "server"),
    "python file of 11 MB": (b"#" * (11 * MIB), "a.py"),
    "hidden name": (b"", "\x1b.py"),
}


@pytest.mark.parametrize(("data", "name"), WRONG_NAMES.values(), ids=WRONG_NAMES.keys())
def test_a_file_that_is_not_what_its_name_says_is_refused(data: bytes, name: str) -> None:
    with pytest.raises(BundleError) as refusal:
        unpacked(data, name)

    assert refusal.value.hint


def test_no_prefix_of_an_archive_is_taken_for_a_whole_one() -> None:
    for data, name in ((GOOD_TAR, "a.tar.gz"), (GOOD_ZIP, "a.zip")):
        for length in range(0, len(data), 41):
            with pytest.raises(BundleError):
                unpacked(data[:length], name)


def test_no_single_changed_byte_does_worse_than_a_refusal() -> None:
    noise = random.Random(7)

    for data, name in ((GOOD_TAR, "a.tar.gz"), (GOOD_ZIP, "a.zip")):
        for _ in range(150):
            place = noise.randrange(len(data))
            changed = data[:place] + bytes([data[place] ^ (1 << noise.randrange(8))]) + data[place + 1 :]
            try:
                _, files = unpacked(changed, name)
            except BundleError:
                continue
            assert all(not name.startswith(("/", "..")) for name in files)


def test_headers_without_end_are_refused() -> None:
    noise = random.Random(3).randbytes(40_000).replace(b"\0", b"1")
    header = raw_tar(b"g", b"%d comment=" % (len(noise) + 15) + noise + b"\n", kind=b"g")
    data = gzip.compress(header * 4, 1)

    with pytest.raises(BundleError, match="unpacks to more than") as refusal:
        unpacked(data, "a.tar.gz", TreeLimits(files=10, folders=5, total_bytes=10_000))

    assert refusal.value.code == "too_large"


def test_a_thousand_nested_headers_do_not_exhaust_the_stack() -> None:
    headers = b"".join(raw_tar(b"%d" % number, b"16 comment=hell\n", kind=b"g") for number in range(1_000))
    data = gzip.compress(headers + raw_tar(b"a.py", b"1") + END)

    _, files = unpacked(data, "a.tar.gz")

    assert files == {"a.py": b"1"}
