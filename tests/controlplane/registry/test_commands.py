"""Revisions that a command starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from controlplane.registry import commands, services, sources
from controlplane.registry.errors import InvalidCommand, SourceError
from controlplane.registry.workers import worker_of
from mcp_runtime.ports.workers import COMMAND_LIMITS, WorkerLimits
from tenants.context import acting_for
from tenants.models import Tenant


@pytest.fixture(autouse=True)
def _without_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("celery.app.task.Task.delay", lambda self, **ids: None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", ()),
        ("python server.py", ("python", "server.py")),
        ("clock --zone 'Asia/Tokyo' $HOME | x", ("clock", "--zone", "Asia/Tokyo", "$HOME", "|", "x")),
    ],
)
def test_a_command_is_read_as_a_shell_would_and_nothing_is_expanded(line: str, words: tuple[str, ...]) -> None:
    assert commands.words(line) == words
    assert commands.words(commands.line(words)) == words


@pytest.mark.parametrize(
    "line", ["/bin/sh", "./serve", "python 'server.py", "a\nb", "a\0b", "'' b", "x" * 2_001, "a " * 65]
)
def test_what_is_no_command_is_refused(line: str) -> None:
    with pytest.raises(InvalidCommand):
        commands.words(line)


def test_a_revision_has_an_entrypoint_or_a_command(acme: Tenant) -> None:
    with acting_for(acme.id), pytest.raises(InvalidCommand, match="not both"):
        services.submit_revision(
            "notes", bundle="b", file_name="x.zip", entrypoint="server.py", command="python x.py", acting=None
        )


def test_its_worker_runs_the_command_within_limits_of_its_own(acme: Tenant) -> None:
    with acting_for(acme.id):
        foreign = services.submit_revision("notes", bundle="b", file_name="x.zip", command="python x.py", acting=None)
        ours = services.submit_revision("weather", bundle="b", file_name="x.py", acting=None)

        assert worker_of(foreign).command == ("python", "x.py")
        assert worker_of(foreign).limits == COMMAND_LIMITS
        assert (worker_of(ours).command, worker_of(ours).limits) == ((), WorkerLimits())


def test_its_project_files_say_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "server.js").write_text("not python")
    (tmp_path / "requirements.txt").write_text("mcp>=2.3\n")

    assert sources.inspect_command(tmp_path).dependencies.requirements == ("mcp>=2.3",)


def test_a_python_that_is_not_here_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\nrequires-python = ">=3.99"\ndependencies = ["y"]\n'
    )

    with pytest.raises(SourceError, match=r">=3\.99"):
        sources.inspect_command(tmp_path)


def test_a_package_json_says_what_a_command_in_javascript_needs(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text('{"dependencies": {"zod": "^4"}}')
    (tmp_path / "package-lock.json").write_text("{}")

    source = sources.inspect_command(tmp_path)

    assert (source.package_json, source.package_lock) == ('{"dependencies": {"zod": "^4"}}', "{}")


@pytest.mark.parametrize(
    ("text", "why"), [("{", "not valid JSON"), ("[]", "no JSON object"), ("[" * 100_000, "not valid JSON")]
)
def test_a_package_json_that_cannot_be_read_is_refused(tmp_path: Path, text: str, why: str) -> None:
    (tmp_path / "package.json").write_text(text)

    with pytest.raises(SourceError, match=why):
        sources.inspect_command(tmp_path)


def test_packages_of_both_languages_are_refused(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "requirements.txt").write_text("mcp>=2.3\n")

    with pytest.raises(SourceError, match=r"Python packages in requirements\.txt"):
        sources.inspect_command(tmp_path)
