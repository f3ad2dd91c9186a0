"""The document as a file: YAML in one form only, so that the same configuration always makes the same bytes."""

from __future__ import annotations

from typing import Any, Final

import yaml

from controlplane.declarative.errors import InvalidConfiguration
from controlplane.registry.openapi import yaml_values

MAX_BYTES: Final = 6 * 1024 * 1024
_ENDLESS: Final = 2**31 - 1
"""No line is folded: a diff shows what changed and nothing else."""


def load(text: bytes) -> Any:
    """Plain values of a file that somebody wrote. Raises InvalidConfiguration."""
    if len(text) > MAX_BYTES:
        raise InvalidConfiguration(f"The document is larger than {MAX_BYTES // 1024 // 1024} MB.", "$")
    try:
        return yaml_values.load(text, strict=True)
    except yaml_values.TooLarge:
        raise InvalidConfiguration("The document holds too many values.", "$") from None
    except yaml_values.TooDeep:
        raise InvalidConfiguration("The document nests too deeply.", "$") from None
    except (yaml.YAMLError, ValueError) as error:
        said = " ".join(str(error).split())[:300]
        raise InvalidConfiguration(f"The document is not YAML that is read here: {said}", "$") from None


def dump(value: Any) -> str:
    """The one text of plain values. `load` gives them back."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=_ENDLESS
    )
    return text


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Lines as lines; quoted where `load` would take the bare word for something else, such as 1e5."""
    style = "|" if "\n" in text else None if yaml_values.is_text(text) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
