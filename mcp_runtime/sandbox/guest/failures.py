"""Why a revision does not load, told to the one who wrote it: the last lines, the line number, a hint.

Only the tenant's own frames and files are named (SANDBOX 0.1, 5). The error being described is hostile: its text
may be huge, may raise, may never end (the host's deadline ends that).
"""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import TracebackType

DETAIL_BYTES = 8 * 1024
_TEXT_CHARACTERS = 4 * 1024
_FRAMES = 20
_CAUSES = 3


class LoadError(Exception):
    """The revision does not start. `detail` is at most DETAIL_BYTES."""

    def __init__(self, message: str, *, detail: str = "", line: int | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.line = line
        self.hint = hint

    def as_payload(self) -> dict[str, object]:
        data = {"detail": self.detail, "line": self.line, "hint": self.hint}
        return {"code": "load_failed", "message": self.message, "data": data}


def explain(error: BaseException, code: Path) -> LoadError:
    """What happened while the bundle in the folder `code` was loaded."""
    if isinstance(error, LoadError):
        return error
    text = _text(error)
    line = _line(error, code)
    where = f" on line {line}" if line is not None else ""
    return LoadError(
        text[:1000] if _ours(error) else f"The server does not load{where}: {_summary(error, text)[:600]}",
        detail=_tail("\n".join(_chapters(error, code))),
        line=line,
        hint=_hint(error, text),
    )


def _chapters(error: BaseException, code: Path) -> list[str]:
    """The error and what led to it, as Python prints them, oldest first."""
    chapters: list[list[str]] = []
    current: BaseException | None = error
    while current is not None and len(chapters) < _CAUSES:
        chapters.insert(0, [*_frames(current.__traceback__, code), *_last_lines(current, code)])
        if current.__cause__ is not None:
            current = current.__cause__
        else:
            current = None if current.__suppress_context__ else current.__context__
    return [line for number, chapter in enumerate(chapters) for line in ([""] if number else []) + chapter]


def _frames(trace: TracebackType | None, code: Path) -> list[str]:
    lines: list[str] = []
    for frame in traceback.extract_tb(trace):
        shown = _shown(frame.filename, code)
        if shown is not None:
            lines.append(f'  File "{shown}", line {frame.lineno}, in {frame.name}')
            if frame.line:
                lines.append(f"    {frame.line[:200]}")
    return lines[-2 * _FRAMES :]


def _last_lines(error: BaseException, code: Path) -> list[str]:
    lines = []
    if isinstance(error, SyntaxError) and error.filename:
        shown = _shown(error.filename, code) or Path(error.filename).name
        lines.append(f'  File "{shown}", line {error.lineno}')
        if error.text:
            lines.append(f"    {error.text.strip()[:200]}")
    return [*lines, _summary(error, _text(error))]


def _summary(error: BaseException, text: str) -> str:
    kind = type(error).__name__[:200]
    return f"{kind}: {text}" if text else kind


def _ours(error: BaseException) -> bool:
    """Whether the text says it all: our own errors name the fault and the remedy."""
    return type(error).__module__.startswith("mcp_runtime.")


def _shown(filename: str, code: Path) -> str | None:
    """The tenant's name of a file: relative to the bundle or to its dependencies; None for the platform's files."""
    for folder in (str(code), "/deps"):
        if filename.startswith(folder + "/"):
            return filename[len(folder) + 1 :]
    return None


def _line(error: BaseException, code: Path) -> int | None:
    """The line of the bundle where it happened: the innermost frame of the tenant's own code."""
    if isinstance(error, SyntaxError) and error.filename and error.filename.startswith(f"{code}/"):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename.startswith(f"{code}/")]
    return lines[-1] if lines else None


def _text(error: BaseException) -> str:
    try:
        if isinstance(error, SyntaxError):
            return str(error.msg)[:_TEXT_CHARACTERS]
        text = str(error)
    except BaseException:  # noqa: BLE001  # the tenant's own __str__: it may raise what it likes
        return "(its text cannot be made)"
    return text if len(text) <= _TEXT_CHARACTERS else text[:_TEXT_CHARACTERS] + "…"


def _tail(text: str) -> str:
    data = text.encode("utf-8", "replace")
    if len(data) <= DETAIL_BYTES:
        return data.decode()
    return "…" + data[-(DETAIL_BYTES - 8) :].decode("utf-8", "ignore")


def _hint(error: BaseException, text: str) -> str:
    match error:
        case ModuleNotFoundError():
            name = (error.name or "it").partition(".")[0]
            return f"Add {name} to requirements.txt, to pyproject.toml or to the file's inline metadata, or bundle it."
        case ImportError():
            return "The imported module does not have that name; check its version, and circles of imports."
        case SyntaxError():
            return f"Python {sys.version_info.major}.{sys.version_info.minor} cannot read this line."
        case SystemExit():
            return "The file ends the program while it is imported; put that under `if __name__ == '__main__':`."
        case KeyError() if _from_environment(error):
            return f"Set the secret {text.strip(chr(39))} of this server: it is read from the environment."
        case MemoryError():
            return "The memory limit was reached while loading; load large data on first use, or raise the limit."
        case RecursionError():
            return "A function calls itself without end."
        case PermissionError():
            return "In the sandbox only /tmp can be written, and processes cannot be started."
        case ConnectionError() | TimeoutError():
            return "The sandbox reaches only hosts that the server was granted."
        case OSError() if type(error).__name__ == "gaierror":
            return "The sandbox reaches only hosts that the server was granted."
    return ""


def _from_environment(error: KeyError) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and frames[-1].filename.endswith(("/os.py", "<frozen os>")) and frames[-1].name == "__getitem__"
