#!/usr/bin/env python
"""Django's commands. Those of the schema log in as the role that owns it, all others as the application."""

from __future__ import annotations

import os
import sys

SCHEMA_COMMANDS = frozenset({"migrate", "showmigrations", "sqlmigrate"})
"""Only these log in as `stoa_owner` (DATABASE_OWNER_URL); every other command is held by row-level security."""


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
    if len(sys.argv) > 1 and sys.argv[1] in SCHEMA_COMMANDS:
        os.environ.setdefault("STOA_DB_ROLE", "owner")

    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
