"""`python -m controlplane.cli.doctor`: what `stoa doctor` runs in the environment of `stoa up`."""

from __future__ import annotations

import os
import sys

from controlplane.cli.doctor import main

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
sys.exit(main(sys.argv[1:]))
