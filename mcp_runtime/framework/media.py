"""Images, sounds and files as authors return them from tools (FASTMCP T-22 to T-24)."""

from __future__ import annotations

import base64
from pathlib import Path

from mcp_runtime.framework.types import (
    Annotations,
    AudioContent,
    BlobResourceContents,
    EmbeddedResource,
    ImageContent,
    TextResourceContents,
)

__all__ = ("Audio", "File", "Image")


class _Media:
    _default_mime_type = "application/octet-stream"
    _family = "application"

    def __init__(
        self,
        path: str | Path | None = None,
        data: bytes | None = None,
        format: str | None = None,
        annotations: Annotations | None = None,
    ) -> None:
        if (path is None) == (data is None):
            raise ValueError(f"{type(self).__name__} takes either path= or data=, and one of them.")
        self.path = Path(path).expanduser() if path is not None else None
        self.data = data
        self.format = format
        self.annotations = annotations

    @property
    def mime_type(self) -> str:
        """From `format`, else from the path's extension, else the class's default."""
        if self.format:
            return self.format if "/" in self.format else f"{self._family}/{self.format.lower()}"
        if self.path is not None:
            import mimetypes  # reads the system's tables: not before somebody asks

            guessed, _ = mimetypes.guess_type(self.path.name)
            return guessed or "application/octet-stream"
        return self._default_mime_type

    def read(self) -> bytes:
        """The bytes, from the file if need be."""
        if self.data is not None:
            return self.data
        assert self.path is not None  # __init__ took exactly one of them
        return self.path.read_bytes()

    def _base64(self) -> str:
        return base64.b64encode(self.read()).decode("ascii")


class Image(_Media):
    """`Image(path="chart.png")` or `Image(data=…, format="png")`."""

    _default_mime_type = "image/png"
    _family = "image"

    def to_image_content(self) -> ImageContent:
        return ImageContent(data=self._base64(), mime_type=self.mime_type, annotations=self.annotations)

    to_content = to_image_content


class Audio(_Media):
    """`Audio(path="bell.mp3")` or `Audio(data=…, format="mp3")`."""

    _default_mime_type = "audio/wav"
    _family = "audio"

    def to_audio_content(self) -> AudioContent:
        return AudioContent(data=self._base64(), mime_type=self.mime_type, annotations=self.annotations)

    to_content = to_audio_content


class File(_Media):
    """`File(path="report.pdf")` or `File(data=…, format="pdf", name="report")`: an embedded resource."""

    def __init__(
        self,
        path: str | Path | None = None,
        data: bytes | None = None,
        format: str | None = None,
        name: str | None = None,
        annotations: Annotations | None = None,
    ) -> None:
        super().__init__(path, data, format, annotations)
        self.name = name

    @property
    def mime_type(self) -> str:
        if self.format in ("plain", "txt", "text"):
            return "text/plain"
        return super().mime_type

    @property
    def uri(self) -> str:
        """`file:///name.ext`."""
        if self.path is not None and self.name is None:
            return self.path.absolute().as_uri()
        stem = self.name or "resource"
        extension = (self.format or "").rpartition("/")[2]
        return f"file:///{stem}" if not extension or stem.endswith(f".{extension}") else f"file:///{stem}.{extension}"

    def to_resource_content(self) -> EmbeddedResource:
        """Text for a text MIME type that is UTF-8, else a blob."""
        data, mime_type = self.read(), self.mime_type
        if mime_type.startswith("text/"):
            try:
                text = TextResourceContents(uri=self.uri, mime_type=mime_type, text=data.decode("utf-8"))
                return EmbeddedResource(resource=text, annotations=self.annotations)
            except UnicodeDecodeError:
                pass  # text in another encoding travels as bytes
        blob = BlobResourceContents(uri=self.uri, mime_type=mime_type, blob=self._base64())
        return EmbeddedResource(resource=blob, annotations=self.annotations)

    to_content = to_resource_content
