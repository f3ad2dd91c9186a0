"""The processes of a running platform, as the host sees them."""

from __future__ import annotations

from pathlib import Path

from controlplane.local.processes import started_at


def descendants(pid: int) -> set[tuple[int, str | None]]:
    """Every process below one, each with its start time."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {(child, started_at(child)) for child in found - {pid}}


def with_word(pid: int, word: str) -> list[int]:
    """Those below a process that have this in their command line."""
    return [child for child, _ in descendants(pid) if word in _command_line(child)]


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
