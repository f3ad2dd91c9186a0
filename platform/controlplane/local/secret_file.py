"""The secrets of a local installation: made on the first start, kept in a file that only its owner can read."""

from __future__ import annotations

import base64
import json
import os
import secrets
from pathlib import Path


class SecretsUnreadable(Exception):
    """The file is there but is not ours to understand; making new secrets would lose what the old ones sealed."""


def load_or_make(path: Path) -> dict[str, str]:
    """Environment variables with the installation's secrets."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        made = {
            "STOA_SECRET_KEY": secrets.token_urlsafe(48),
            "STOA_KEY_ENCRYPTION_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        write_private(path, json.dumps(made, indent=2) + "\n")
        return made
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise SecretsUnreadable(
            f"{path} is damaged. Restore it from a backup: it opens the secrets in the database. "
            "Without one, `stoa up --reset` starts over and deletes them."
        )
    return found


def write_private(path: Path, text: str) -> None:
    """Write a file that was never readable by anyone else, and never half written."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
