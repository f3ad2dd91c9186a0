"""Processes that are started, kept and stopped."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from controlplane.local.console import LONGEST_LINE, Console
from controlplane.local.processes import Ledger, started_at
from controlplane.local.supervisor import Program, StartFailed, Supervisor
from tests.support import wait_until_async

MakeProgram = Callable[..., Program]


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger.new(tmp_path)


@pytest.fixture
async def supervisor(ledger: Ledger, output: io.StringIO) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(ledger, Console(output))
    yield supervisor
    await supervisor.stop()


@pytest.fixture
def python(tmp_path: Path) -> MakeProgram:
    """A program that runs a few lines of Python."""

    def make(name: str, code: str, **options: object) -> Program:
        command = [sys.executable, "-I", "-S", "-u", "-c", code]
        return Program(name, command, {"PATH": os.defpath}, tmp_path, **options)  # type: ignore[arg-type]

    return make


async def test_each_line_says_who_wrote_it(supervisor: Supervisor, python: MakeProgram, output: io.StringIO) -> None:
    await supervisor.run_once(python("web", "print('hello'); import sys; print('oops', file=sys.stderr)"))

    assert sorted(output.getvalue().splitlines()) == ["web      | hello", "web      | oops"]


async def test_a_line_without_end_is_cut(supervisor: Supervisor, python: MakeProgram, output: io.StringIO) -> None:
    await supervisor.run_once(python("web", "print('x' * 1_000_000, end='')"))

    lines = output.getvalue().splitlines()
    assert sum(line.count("x") for line in lines) == 1_000_000
    assert max(len(line) for line in lines) <= LONGEST_LINE + len("web      | ")


async def test_what_dies_is_started_again(supervisor: Supervisor, python: MakeProgram, output: io.StringIO) -> None:
    await supervisor.start(python("web", "import time; print('up'); time.sleep(60)"))
    first = await wait_until_async(lambda: supervisor.pid("web"))

    os.kill(first, signal.SIGKILL)

    second = await wait_until_async(lambda: (pid := supervisor.pid("web")) != first and pid)
    assert started_at(second)
    assert "ended (killed by SIGKILL); starting it again in 0.5 s" in output.getvalue()


async def test_what_a_dead_process_leaves_behind_dies_too(
    supervisor: Supervisor, python: MakeProgram, tmp_path: Path
) -> None:
    child = "import os, time; open('child', 'w').write(str(os.getpid())); time.sleep(60)"
    code = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    await supervisor.start(python("worker", code))
    orphan = int(await wait_until_async(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text()))

    os.kill(supervisor.pid("worker") or 0, signal.SIGKILL)

    await wait_until_async(lambda: started_at(orphan) is None)


async def test_a_program_that_never_starts_is_reported(supervisor: Supervisor, python: MakeProgram) -> None:
    with pytest.raises(StartFailed, match="postgres ended 3 times while starting"):
        await supervisor.start(python("postgres", "raise SystemExit(3)", ready=lambda: False))


async def test_a_step_that_fails_is_reported(supervisor: Supervisor, python: MakeProgram) -> None:
    with pytest.raises(StartFailed, match="migrate failed with status 3"):
        await supervisor.run_once(python("migrate", "raise SystemExit(3)"))


async def test_only_standard_output_is_the_answer(
    supervisor: Supervisor, python: MakeProgram, output: io.StringIO
) -> None:
    answer = await supervisor.output_of(python("demo", "import sys; print('{}'); print('building', file=sys.stderr)"))

    assert answer == b"{}\n"
    assert output.getvalue() == "demo     | building\n"


async def test_what_does_not_stop_is_killed(supervisor: Supervisor, python: MakeProgram) -> None:
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)"
    await supervisor.start(python("worker", deaf, patience=0.1))
    pid = await wait_until_async(lambda: supervisor.pid("worker"))

    await supervisor.stop()

    assert started_at(pid) is None


async def test_nothing_is_restarted_while_stopping(supervisor: Supervisor, python: MakeProgram) -> None:
    await supervisor.start(python("web", "raise SystemExit(1)"))
    await supervisor.start(python("beat", "import time; time.sleep(60)"))
    await wait_until_async(lambda: supervisor.pid("beat"))

    await supervisor.stop_together("web", "beat")

    assert supervisor.pid("web") is None
    assert supervisor.pid("beat") is None


async def test_a_blocked_signal_is_not_inherited(supervisor: Supervisor, python: MakeProgram) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        answer = await supervisor.output_of(
            python("demo", "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))")
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

    assert answer == b"set()\n"


async def test_the_ledger_holds_what_runs_and_nothing_else(
    supervisor: Supervisor, python: MakeProgram, ledger: Ledger
) -> None:
    await supervisor.run_once(python("migrate", "pass"))
    await supervisor.start(python("web", "import time; time.sleep(60)"))
    pid = await wait_until_async(lambda: supervisor.pid("web"))

    written = ledger.path.read_text()

    assert f'"pid": {pid}' in written
    assert "migrate" not in written


async def test_cancelling_a_step_ends_its_process(supervisor: Supervisor, python: MakeProgram, tmp_path: Path) -> None:
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(60)"
    step = asyncio.create_task(supervisor.run_once(python("migrate", code)))
    pid = int(await wait_until_async(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text()))

    step.cancel()
    await asyncio.gather(step, return_exceptions=True)

    assert started_at(pid) is None
