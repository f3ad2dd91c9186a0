"""The guide, run from top to bottom against a platform: its servers, its gateway and the command are real."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.support import RunningPlatform, wait_until
from tests.support.platform import clean_environment

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "compose-an-endpoint.md"
STOA = str(Path(sys.executable).parent / "stoa")
BLOCK = re.compile(r"^```(\w+)(?: (\w+)=(\S+))?\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True)
class Step:
    command: str
    output: str
    """What the guide shows; nothing is compared when it shows nothing. `…` stands for anything."""
    status: int


def blocks(text: str) -> Iterator[tuple[str, str, str, str]]:
    for match in BLOCK.finditer(text):
        yield match[1], match[2] or "", match[3] or "", match[4]


def steps(text: str, status: int) -> Iterator[Step]:
    """The last command of a block ends with its status; those before it end with 0."""
    parts = [part.partition("\n") for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]]
    for number, (command, _, output) in enumerate(parts, 1):
        yield Step(command, output, status if number == len(parts) else 0)


def same(shown: str, printed: str) -> bool:
    """Columns are as wide as their content, so only the order of words is compared."""
    pattern = r"\s+".join(r"\S.*?" if word == "…" else re.escape(word) for word in shown.split())
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def test_the_guide_does_what_it_says(running_platform: RunningPlatform, tmp_path: Path) -> None:
    environment = {**clean_environment(), "STOA_HOME": str(running_platform.home), "PYTHONUNBUFFERED": "1"}

    def run(step: Step) -> bool:
        words = re.findall(r'"[^"]*"|\S+', step.command)
        done = subprocess.run(
            [STOA, *(word.strip('"') for word in words[1:])],
            env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        printed.append(f"$ {step.command}\n{done.stdout}")
        return done.returncode == step.status and (not step.output.strip() or same(step.output, done.stdout))

    printed: list[str] = []
    taken = 0
    for language, key, value, content in blocks(GUIDE.read_text("utf-8")):
        if key == "file":
            (tmp_path / value).write_text(content)
        elif language == "console":
            for step in steps(content, int(value or 0)):
                taken += 1
                # A call may come before the gateway has heard of the version; what changes things is done once.
                if step.command.startswith("stoa call"):
                    wait_until(partial(run, step), 10)
                else:
                    assert run(step), printed[-1]

    assert taken > 10
