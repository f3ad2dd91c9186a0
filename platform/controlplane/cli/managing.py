"""`stoa manage`: Django's commands, in the environment of the installation that `stoa up` runs here."""

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
    home = Home(env.home())
    running = demo.load(home.demo)
    if running is None or not home.secrets.is_file():
        raise CliError(
            f"There is no installation in {home.root}.",
            hint="Start one with `stoa up`. With an environment of your own, run `python manage.py` instead.",
        )
    with socket.create_server(("127.0.0.1", 0)) as unused:
        environment = Installation(home, os.environ, load_or_make(home.secrets), unused).environment
    environment = {**environment, "STOA_PUBLIC_URL": os.environ.get("STOA_PUBLIC_URL", running.dashboard_url)}
    return subprocess.run([sys.executable, "-m", "django", *arguments], env=environment, check=False).returncode
