"""`stoa manage` and `stoa doctor`: commands in the environment of the installation that `stoa up` runs here."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence

from controlplane import env
from controlplane.cli.errors import CliError
from controlplane.local import demo
from controlplane.local.home import Home
from controlplane.local.installation import Installation
from controlplane.local.secret_file import load_or_make


def manage(arguments: Sequence[str]) -> int:
    """The command's own exit status. Raises CliError where no installation is."""
    environment = _of_the_installation()
    if environment is None:
        raise CliError(
            f"There is no installation in {env.home()}.",
            hint="Start one with `stoa up`. With an environment of your own, run `python manage.py` instead.",
        )
    return subprocess.run([sys.executable, "-m", "django", *arguments], env=environment, check=False).returncode


def examine(arguments: Sequence[str]) -> int:
    """`stoa doctor`: of the installation that `stoa up` runs here, else of the one whose environment this is."""
    given = any(os.environ.get(name) for name in ("DATABASE_URL", "DATABASE_URL_FILE"))
    environment = None if given else _of_the_installation()
    if environment is None:
        from controlplane.cli.doctor import main

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
        return main(arguments)
    command = [sys.executable, "-m", "controlplane.cli.doctor", *arguments]
    return subprocess.run(command, env=environment, check=False).returncode


def _of_the_installation() -> dict[str, str] | None:
    """The environment of the processes that `stoa up` started here, or None where it did not."""
    home = Home(env.home())
    running = demo.load(home.demo)
    if running is None or not home.secrets.is_file():
        return None
    with socket.create_server(("127.0.0.1", 0)) as unused:
        environment = Installation(home, os.environ, load_or_make(home.secrets), unused).environment
    return {**environment, "STOA_PUBLIC_URL": os.environ.get("STOA_PUBLIC_URL", running.dashboard_url)}
