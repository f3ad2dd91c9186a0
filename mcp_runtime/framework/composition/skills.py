"""Skills, which are folders with a SKILL.md, as resources (a later word; FASTMCP 2.2).

    mcp.add_provider(SkillsDirectoryProvider(Path(__file__).parent / "skills"))

`skill://<name>/SKILL.md` is the main file, `skill://<name>/_manifest` lists all files with sizes and hashes, and the
others are read as `skill://<name>/<path>`. What a link leads to outside of the folder is not part of a skill.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal
from urllib.parse import quote

from mcp_runtime.framework.components.base import Component
from mcp_runtime.framework.components.resource import Resource
from mcp_runtime.framework.components.template import FunctionTemplate
from mcp_runtime.framework.composition.known import KnownProvider, by_kind
from mcp_runtime.framework.composition.sources import Kind
from mcp_runtime.framework.errors import ResourceError
from mcp_runtime.framework.running import in_thread

__all__ = (
    "ClaudeSkillsProvider",
    "CodexSkillsProvider",
    "CopilotSkillsProvider",
    "CursorSkillsProvider",
    "GeminiSkillsProvider",
    "GooseSkillsProvider",
    "OpenCodeSkillsProvider",
    "SkillProvider",
    "SkillsDirectoryProvider",
    "VSCodeSkillsProvider",
)

Supporting = Literal["template", "resources"]

MAX_FILES = 1_000
MAX_BYTES = 10 * 1024 * 1024
_FIELD = re.compile(r"(?m)^(\w[\w-]*):[ \t]*(.*?)[ \t]*$")


class SkillProvider(KnownProvider):
    """One skill. Files beside the main one are read by a template, or listed one by one (`"resources"`)."""

    def __init__(
        self,
        skill_path: str | Path,
        main_file_name: str = "SKILL.md",
        supporting_files: Supporting = "template",
    ) -> None:
        super().__init__()
        self._skill = _Skill(Path(skill_path), main_file_name, _checked(supporting_files))

    def components(self) -> dict[Kind, list[Component]]:
        return by_kind(self._skill.components())


class SkillsDirectoryProvider(KnownProvider):
    """Every skill below `roots`; of skills with the same name the first root's counts."""

    def __init__(
        self,
        roots: str | Path | Sequence[str | Path],
        reload: bool = False,
        main_file_name: str = "SKILL.md",
        supporting_files: Supporting = "template",
    ) -> None:
        super().__init__(reload=reload)
        given = [roots] if isinstance(roots, (str, Path)) else roots
        self._roots = [Path(root).expanduser() for root in given]
        self._main = main_file_name
        self._supporting = _checked(supporting_files)

    def components(self) -> dict[Kind, list[Component]]:
        found: dict[str, Path] = {}
        for root in self._roots:
            folders = sorted(root.iterdir()) if root.is_dir() else ()
            for folder in folders:
                if (folder / self._main).is_file():
                    found.setdefault(folder.name, folder)
        skills = [_Skill(folder, self._main, self._supporting) for folder in found.values()]
        return by_kind(one for skill in skills for one in skill.components())


class _OfProgram(SkillsDirectoryProvider):
    places: ClassVar[tuple[str, ...]]

    def __init__(self, reload: bool = False, supporting_files: Supporting = "template") -> None:
        super().__init__(self.places, reload=reload, supporting_files=supporting_files)


class ClaudeSkillsProvider(_OfProgram):
    """The skills that Claude Code has on this machine."""

    places = ("~/.claude/skills",)


class CodexSkillsProvider(_OfProgram):
    places = ("/etc/codex/skills", "~/.codex/skills")


class CopilotSkillsProvider(_OfProgram):
    places = ("~/.copilot/skills",)


class CursorSkillsProvider(_OfProgram):
    places = ("~/.cursor/skills",)


class GeminiSkillsProvider(_OfProgram):
    places = ("~/.gemini/skills",)


class GooseSkillsProvider(_OfProgram):
    places = ("~/.config/agents/skills",)


class OpenCodeSkillsProvider(_OfProgram):
    places = ("~/.config/opencode/skills",)


class VSCodeSkillsProvider(_OfProgram):
    places = ("~/.copilot/skills",)


class _Skill:
    def __init__(self, folder: Path, main: str, supporting: Supporting) -> None:
        self.folder = folder.expanduser().resolve()
        if not (self.folder / main).is_file():
            raise FileNotFoundError(f"{folder} is no skill: it has no {main}.")
        self.main = main
        self.supporting = supporting
        self.name = self.folder.name
        self._root = f"skill://{quote(self.name, safe='')}/"

    def components(self) -> list[Component]:
        found: list[Component] = [
            self._file(self.main, description=_description((self.folder / self.main).read_text("utf-8", "replace"))),
            _Manifest(self, uri=f"{self._root}_manifest", name=f"{self.name}/_manifest"),
        ]
        if self.supporting == "template":
            found.append(self._template())
        else:
            found += [self._file(path) for path in self.paths() if path != self.main]
        return found

    def paths(self) -> list[str]:
        """The files of the skill, relative and sorted."""
        found = []
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path.resolve().is_relative_to(self.folder):
                found.append(path.relative_to(self.folder).as_posix())
                if len(found) > MAX_FILES:
                    raise ResourceError(f"The skill {self.name!r} has more than {MAX_FILES} files.")
        return found

    def read(self, path: str) -> str | bytes:
        """A text as a text, anything else as bytes. Raises ResourceError."""
        data = self.data(path)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            return data

    def data(self, path: str) -> bytes:
        file = (self.folder / path).resolve()
        if not file.is_relative_to(self.folder) or not file.is_file():
            raise ResourceError(f"The skill {self.name!r} has no file {path!r}.")
        if file.stat().st_size > MAX_BYTES:
            raise ResourceError(f"{path!r} of the skill {self.name!r} is larger than {MAX_BYTES} bytes.")
        return file.read_bytes()

    def _file(self, path: str, description: str | None = None) -> Resource:
        return _File(
            self,
            path,
            uri=self._root + quote(path),
            name=f"{self.name}/{path}",
            description=description or f"A file of the skill {self.name}.",
            mime_type="text/markdown" if path.endswith(".md") else mimetypes.guess_type(path)[0] or "text/plain",
            meta={"skill": {"name": self.name}},
        )

    def _template(self) -> Component:
        async def read(path: str) -> str | bytes:
            return await in_thread(lambda: self.read(path))

        return FunctionTemplate(
            read,
            uri_template=self._root + "{path*}",
            name=f"{self.name}_files",
            description=f"The files of the skill {self.name}; its manifest lists them.",
            mime_type="application/octet-stream",
        )


class _File(Resource):
    def __init__(self, skill: _Skill, path: str, **common: Any) -> None:
        super().__init__(**common)
        self._skill = skill
        self._path = path

    async def read(self) -> str | bytes:
        return await in_thread(lambda: self._skill.read(self._path))


class _Manifest(Resource):
    default_mime_type: ClassVar[str] = "application/json"

    def __init__(self, skill: _Skill, *, uri: str, name: str) -> None:
        super().__init__(
            uri=uri,
            name=name,
            description=f"The files of the skill {skill.name}.",
            meta={"skill": {"name": skill.name, "is_manifest": True}},
        )
        self._skill = skill

    async def read(self) -> str:
        return await in_thread(self._written)

    def _written(self) -> str:
        skill = self._skill
        files = [
            {"path": path, "size": len(data), "hash": f"sha256:{hashlib.sha256(data).hexdigest()}"}
            for path in skill.paths()
            for data in [skill.data(path)]
        ]
        return json.dumps({"skill": skill.name, "files": files}, indent=2)


def _description(text: str) -> str | None:
    """What the front matter says, else the first line that says something."""
    head = re.match(r"---\s*\n(.*?)\n---\s*(?:\n|$)", text, re.DOTALL)
    if head is not None:
        for name, value in _FIELD.findall(head[1]):
            if name == "description" and value:
                return str(value).strip("\"'")
        text = text[head.end() :]
    lines = (line.strip().lstrip("#").strip() for line in text.splitlines())
    return next((line for line in lines if line), None)


def _checked(supporting: Supporting) -> Supporting:
    if supporting not in ("template", "resources"):
        raise ValueError(f"supporting_files={supporting!r} is neither 'template' nor 'resources'.")
    return supporting
