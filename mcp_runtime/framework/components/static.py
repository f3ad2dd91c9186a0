"""Resources without a function: a text, bytes, a file, a folder, a web address (FASTMCP R-30 to R-34)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from mcp_runtime.framework.components.resource import Resource
from mcp_runtime.framework.errors import ResourceError
from mcp_runtime.framework.running import in_thread

__all__ = ("BinaryResource", "DirectoryResource", "FileResource", "HttpResource", "TextResource")

_MOST_FILES = 10_000
_MOST_HTTP_BYTES = 10 * 1024 * 1024
_HTTP_SECONDS = 30.0


class TextResource(Resource):
    def __init__(self, *, uri: object, text: str, **common: Any) -> None:
        super().__init__(uri=uri, **common)
        self.text = text

    async def read(self) -> str:
        return self.text


class BinaryResource(Resource):
    default_mime_type: ClassVar[str] = "application/octet-stream"

    def __init__(self, *, uri: object, data: bytes, **common: Any) -> None:
        super().__init__(uri=uri, **common)
        self.data = data

    async def read(self) -> bytes:
        return self.data


class FileResource(Resource):
    """A file by its absolute path; binary unless its MIME type is text or `is_binary` says otherwise."""

    def __init__(
        self,
        *,
        uri: object,
        path: str | Path,
        is_binary: bool | None = None,
        encoding: str = "utf-8",
        **common: Any,
    ) -> None:
        super().__init__(uri=uri, **common)
        self.path = _absolute(path)
        self.encoding = encoding
        self.is_binary = not self.mime_type.startswith("text/") if is_binary is None else is_binary

    async def read(self) -> str | bytes:
        try:
            if self.is_binary:
                return await in_thread(self.path.read_bytes)
            return await in_thread(lambda: self.path.read_text(self.encoding))
        except (OSError, UnicodeError) as error:
            raise ResourceError(f"Error reading file {self.path}: {error}") from error


class DirectoryResource(Resource):
    """The files of a folder, as JSON: `{"files": [...]}`, relative and sorted."""

    default_mime_type: ClassVar[str] = "application/json"

    def __init__(
        self, *, uri: object, path: str | Path, recursive: bool = False, pattern: str | None = None, **common: Any
    ) -> None:
        super().__init__(uri=uri, **common)
        self.path = _absolute(path)
        self.recursive = recursive
        self.pattern = pattern
        if pattern is not None and (pattern.startswith("/") or ".." in Path(pattern).parts):
            raise ValueError(f"pattern={pattern!r} leads out of the directory.")

    def list_files(self) -> list[Path]:
        """The files, relative. What lies outside, by a link or by a pattern that climbs, is left out."""
        root = self.path.resolve()
        found = self.path.rglob(self.pattern or "*") if self.recursive else self.path.glob(self.pattern or "*")
        files = set()
        for path in found:
            if path.is_file() and path.resolve().is_relative_to(root) and path.is_relative_to(self.path):
                files.add(path.relative_to(self.path))
                if len(files) > _MOST_FILES:
                    raise ResourceError(f"{self.path} holds more than {_MOST_FILES} files; narrow it with pattern=.")
        return sorted(files)

    async def read(self) -> dict[str, list[str]]:
        if not self.path.is_dir():
            raise ResourceError(f"Error listing directory {self.path}: it is not a directory.")
        try:
            files = await in_thread(self.list_files)
        except OSError as error:
            raise ResourceError(f"Error listing directory {self.path}: {error}") from error
        return {"files": [path.as_posix() for path in files]}


class HttpResource(Resource):
    """A web address, fetched on every read: no redirects, bounded in time and size, public unless told (see `web`)."""

    default_mime_type: ClassVar[str] = "application/json"

    def __init__(
        self, *, uri: object, url: object, allow_private: bool = False, timeout: float = _HTTP_SECONDS, **common: Any
    ) -> None:
        super().__init__(uri=uri, **common)
        self.url = str(url)
        if not self.url.startswith(("http://", "https://")):
            raise ValueError(f"HttpResource reads http and https addresses, not {self.url!r}.")
        self.allow_private = allow_private
        """Whether the address may be in a private network, or this very host."""
        self.timeout = timeout

    async def read(self) -> str:
        return await in_thread(self._fetch)

    def _fetch(self) -> str:
        from mcp_runtime.framework.components.web import fetch_text

        return fetch_text(self.url, seconds=self.timeout, most_bytes=_MOST_HTTP_BYTES, allow_private=self.allow_private)


def _absolute(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_absolute():
        raise ValueError(f"The path of a resource is absolute; {str(path)!r} would depend on where the server runs.")
    return path
