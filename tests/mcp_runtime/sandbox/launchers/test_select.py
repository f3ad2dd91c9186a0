"""Choosing a launcher: fall back, fail closed, say why."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mcp_runtime.sandbox.launchers.base import Guarantee, LaunchError, SandboxSpec, SelfTest
from mcp_runtime.sandbox.launchers.bubblewrap import BubblewrapLauncher
from mcp_runtime.sandbox.launchers.process import ProcessLauncher
from mcp_runtime.sandbox.launchers.select import NoSandboxError, choose
from mcp_runtime.sandbox.launchers.selftest import attack
from mcp_runtime.sandbox.launchers.zygote import ZygoteLauncher
from tests.mcp_runtime.sandbox.launchers.boxes import LIMITS, launchers_here


@pytest.mark.parametrize("expected", launchers_here()[:1])
async def test_the_strongest_launcher_is_taken(runtime: Path, expected: str) -> None:
    launcher, report = await choose(runtime_dir=runtime)
    await launcher.aclose()

    assert launcher.name == report.launcher == expected
    assert report.ok


async def refused(self: ZygoteLauncher | BubblewrapLauncher) -> SelfTest:
    return SelfTest(self.name, self.level, False, frozenset(), frozenset(), 0, ("user namespace: refused here",))


@pytest.mark.parametrize("expected", [name for name in launchers_here() if name == "bubblewrap"])
async def test_bubblewrap_takes_over_where_the_zygote_fails(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, expected: str
) -> None:
    monkeypatch.setattr(ZygoteLauncher, "selftest", refused)

    launcher, _ = await choose(runtime_dir=runtime)
    await launcher.aclose()

    assert launcher.name == expected


async def test_without_any_sandbox_nothing_starts_and_every_reason_is_told(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ZygoteLauncher, "selftest", refused)
    monkeypatch.setattr(BubblewrapLauncher, "selftest", refused)

    with pytest.raises(NoSandboxError) as refusal:
        await choose(runtime_dir=runtime)

    text = str(refusal.value)
    assert "zygote: user namespace: refused here" in text
    assert "bubblewrap: user namespace: refused here" in text
    assert "STOA_SANDBOX_LAUNCHER=landlock" in text


@pytest.mark.parametrize("expected", [name for name in launchers_here() if name == "landlock"])
async def test_landlock_is_used_only_when_the_operator_opted_in(
    runtime: Path, monkeypatch: pytest.MonkeyPatch, expected: str
) -> None:
    monkeypatch.setattr(ZygoteLauncher, "selftest", refused)
    monkeypatch.setattr(BubblewrapLauncher, "selftest", refused)

    launcher, report = await choose(runtime_dir=runtime, landlock=True)
    await launcher.aclose()

    assert launcher.name == expected
    assert report.level == "landlock"


async def test_an_unknown_name_is_refused_with_the_known_ones(runtime: Path) -> None:
    with pytest.raises(LaunchError, match="zygote, bubblewrap, landlock"):
        await choose("docker", runtime_dir=runtime)


async def test_a_launcher_that_was_asked_for_is_not_replaced_by_a_weaker_one(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ZygoteLauncher, "selftest", refused)

    with pytest.raises(NoSandboxError):
        await choose("zygote", runtime_dir=runtime)


async def test_the_process_launcher_does_not_start_in_production(runtime: Path) -> None:
    with pytest.raises(NoSandboxError, match="STOA_ENV is production"):
        await choose("process", runtime_dir=runtime, environment="production")


async def test_the_process_launcher_does_not_start_for_two_tenants(runtime: Path) -> None:
    with pytest.raises(NoSandboxError, match="2 tenants"):
        await choose("process", runtime_dir=runtime, environment="development", tenants=2)


async def test_the_process_launcher_stops_spawning_when_a_second_tenant_comes(runtime: Path) -> None:
    launcher = ProcessLauncher(environment="development")
    await launcher.start()

    with pytest.raises(LaunchError, match="2 tenants"):
        launcher.admit_tenants(2)
    with pytest.raises(LaunchError, match="2 tenants"):
        await launcher.spawn(SandboxSpec(runtime_dir=runtime, limits=LIMITS))
    await launcher.aclose()


async def test_the_process_launcher_warns_loudly_and_promises_nothing(
    runtime: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="stoa.sandbox"):
        launcher, report = await choose("process", runtime_dir=runtime, environment="development")
    await launcher.aclose()

    assert "SANDBOXING IS OFF" in caplog.text
    assert report.level == "none"
    assert not report.guarantees


class Boasting(ProcessLauncher):
    """No sandbox, but it says it is one: the control that shows that the self-test's detectors work."""

    @property
    def guarantees(self) -> frozenset[Guarantee]:
        return ZygoteLauncher._claims


async def test_the_self_test_sees_through_a_launcher_without_walls(runtime: Path) -> None:
    launcher = Boasting(environment="test")

    report = await attack(launcher, runtime, 0)
    await launcher.aclose()

    assert not report.ok
    assert {"files", "network", "signals", "processes", "disk", "syscalls"} <= report.missing
    assert any(line.startswith("files does not hold: read ") for line in report.details)
