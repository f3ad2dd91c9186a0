"""Fuzz one target: `python -m tests.fuzz codec --runs 150000`.

Exits with 0 when no input crashed it, took over ten seconds or made it grow. libFuzzer prints the input that did, and
names the file it put it in; `python -m tests.fuzz codec --input FILE` runs it once more.

Where atheris has no wheel for this Python, the mutations are blind.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path

try:
    import atheris
except ImportError:
    atheris = None

with atheris.instrument_imports(include=["mcp_runtime.protocol", "mcp_runtime.gateway"]) if atheris else nullcontext():
    from tests.fuzz.targets import TARGETS, Target

MAX_GROWTH = 32 * 1024 * 1024
MAX_INPUT = 2_000
HANG_SECONDS = 10
WORDS = (
    *("jsonrpc", "2.0", "id", "method", "params", "_meta", "name", "arguments", "uri", "cursor", "requestState"),
    *("inputResponses", "tools/call", "tools/list", "resources/read", "prompts/get", "initialize", "server/discover"),
    *("completion/complete", "subscriptions/listen", "mcp-param-", "mcp-session-id", "progressToken", "NaN"),
)


class Watched:
    """A target whose memory is watched: what the first inputs bring into caches does not count."""

    def __init__(self, target: Target, runs: int) -> None:
        self._target = target
        self._runs = runs
        self._warm = runs // 5
        self._done = 0
        self._base = 0

    def __call__(self, data: bytes) -> None:
        self._target(data)
        self._done += 1
        if self._done == self._warm:
            self._base = _resident_bytes()
        elif self._done == self._runs:
            grown = _resident_bytes() - self._base
            print(f"{self._done} inputs; memory grew by {grown / 1024 / 1024:.1f} MiB", flush=True)
            if grown > MAX_GROWTH:
                raise AssertionError(f"{grown} bytes more are held than after {self._warm} inputs.")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--input", type=Path, help="run this input only")
    options = parser.parse_args()
    opened, seeds = TARGETS[options.target]
    with opened() as target:
        if options.input is not None:
            target(options.input.read_bytes())
            return
        watched = Watched(target, options.runs)
        if atheris is None:
            _mutate_blindly(watched, seeds, options.runs)
            return
        with tempfile.TemporaryDirectory(prefix="stoa-fuzz-") as folder:
            # libFuzzer ends its process when it is done: what is to be tidied up needs another.
            fuzzing = os.fork()
            if fuzzing == 0:
                _mutate_towards_new_code(watched, seeds, options.runs, Path(folder))
            _, status = os.waitpid(fuzzing, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


def _mutate_towards_new_code(target: Watched, seeds: tuple[bytes, ...], runs: int, folder: Path) -> None:
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(seeds):
        (corpus / str(number)).write_bytes(seed)
    words = folder / "words"
    words.write_text("".join(f'"{word}"\n' for word in WORDS))
    arguments = [
        f"-runs={runs}", f"-max_len={MAX_INPUT}", f"-timeout={HANG_SECONDS}", f"-dict={words}", "-print_final_stats=1",
        f"-artifact_prefix={tempfile.gettempdir()}/", "-verbosity=1", str(corpus),
    ]  # fmt: skip
    atheris.Setup([sys.argv[0], *arguments], target)
    atheris.Fuzz()


def _mutate_blindly(target: Watched, seeds: tuple[bytes, ...], runs: int) -> None:
    pieces = [*seeds, *(word.encode() for word in WORDS), *(bytes([byte]) for byte in range(256))]
    for _ in range(runs):
        data = random.choice(seeds)
        for _ in range(random.randint(1, 4)):
            start = random.randint(0, len(data))
            end = min(len(data), start + random.choice((0, 1, 4, 20)))
            data = data[:start] + random.choice(pieces) + data[end:]
        target(data[:MAX_INPUT])


def _resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
