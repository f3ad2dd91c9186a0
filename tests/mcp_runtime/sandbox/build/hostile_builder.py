"""Stands in for the builder in a box: does what a box would do that somebody took over. Runs inside."""

import json
import os
import signal
import sys
import tarfile

OUT = sys.stdout.buffer


def lock(name: str) -> str:
    return f"{name}==1.0 \\\n    --hash=sha256:{'0' * 64}\n"


def entry(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", target: str = "", size: int = -1) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, len(content) if size < 0 else size
    return info.tobuf(tarfile.PAX_FORMAT) + content + bytes(-len(content) % 512)


END = bytes(1024)


def for_ever(data: bytes, descriptor: int, after: bytes = b"") -> None:
    os.write(descriptor, after)
    while True:
        os.write(descriptor, data)


LOCKS = {
    "lock-option": lambda: OUT.write(b"--index-url https://evil.example/simple\n"),
    "lock-url": lambda: OUT.write(b"evil @ https://evil.example/evil.whl\n"),
    "lock-binary": lambda: OUT.write(bytes(range(256))),
    "lock-escape": lambda: OUT.write(b"evil==1.0 ; \x1b[2J \\\n"),
    "lock-without-hash": lambda: OUT.write(b"evil==1.0\n"),
    "lock-endless": lambda: for_ever(b"#" * 65_536, 1),
}
INSTALLS = {
    "symlink": lambda: OUT.write(entry("a.py", tarfile.SYMTYPE, target="/etc/passwd") + END),
    "hardlink": lambda: OUT.write(entry("b.py") + entry("a.py", tarfile.LNKTYPE, target="b.py") + END),
    "device": lambda: OUT.write(entry("null", tarfile.CHRTYPE) + END),
    "traversal": lambda: OUT.write(entry("../../code/evil.py", content=b"1") + END),
    "absolute": lambda: OUT.write(entry("/tmp/evil.py", content=b"1") + END),
    "twice": lambda: OUT.write(entry("a.py", content=b"1") + entry("a.py", content=b"2") + END),
    "no-end": lambda: OUT.write(entry("a.py", content=b"1")),
    "cut": lambda: OUT.write(entry("a.py", content=b"1")[:700]),
    "more": lambda: OUT.write(entry("a.py", content=b"1") + END + b"more"),
    "nothing": lambda: None,
    "text": lambda: OUT.write(b"hello, this is no archive\n" * 100),
    "huge-claim": lambda: OUT.write(entry("a.bin", size=7 * 1024**3)),
    "endless-file": lambda: for_ever(bytes(65_536), 1, after=entry("a.bin", size=200 * 1024**2)),
    "endless-zeros": lambda: for_ever(bytes(65_536), 1),
    "endless-files": lambda: [OUT.write(entry(f"{number}.py")) for number in range(1_000_000)],
    "exit": lambda: os._exit(3),
    "signal": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "memory": lambda: [bytearray(64 * 1024**2) for _ in range(1_000)],
}


def noise() -> None:
    for _ in range(200):
        os.write(2, b"x" * 100_000)
        os.write(2, b"\n\x1b]0;title\x07\x1b[31mred\x1b[0m \0\xff\r\n" * 1_000)
    os._exit(1)


INSTALLS["noise"] = noise


def main() -> None:
    order = json.load(sys.stdin.buffer)
    if order["phase"] == "install":
        INSTALLS[order["lock"].split("==")[0]]()
    else:
        name = order["requirements"][0]
        LOCKS.get(name, lambda: OUT.write(lock(name).encode()))()
    OUT.flush()


if __name__ == "__main__":
    main()
