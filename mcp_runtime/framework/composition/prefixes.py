"""The names that components of another server get here (FASTMCP K-04, S-08)."""

from __future__ import annotations

__all__ = ("prefixed_name", "prefixed_uri", "without_prefix")


def prefixed_name(prefix: str | None, name: str) -> str:
    """`weather_get_forecast` for tools, prompts, and the readable names of resources."""
    return f"{prefix}_{name}" if prefix else name


def prefixed_uri(prefix: str | None, uri: str, form: str = "path") -> str:
    """`data://weather/info`, or in the older form "protocol" `weather+data://info`.

    A URI without `//` (`urn:isbn:1`) has no path to put the prefix into, and takes the older form.
    """
    if not prefix:
        return uri
    scheme, divider, rest = uri.partition("://")
    if form == "protocol" or not divider:
        return f"{prefix}+{uri}"
    return f"{scheme}://{prefix}/{rest}"


def without_prefix(prefix: str | None, uri: str, form: str = "path") -> str | None:
    """The URI as the other server knows it; None for one that does not carry the prefix."""
    if not prefix:
        return uri
    if uri.startswith(f"{prefix}+"):
        inner = uri[len(prefix) + 1 :]
        return inner if form == "protocol" or "://" not in inner else None
    scheme, divider, rest = uri.partition("://")
    if form == "protocol" or not divider or not rest.startswith(f"{prefix}/"):
        return None
    return f"{scheme}://{rest[len(prefix) + 1 :]}"
