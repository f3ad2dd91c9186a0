"""Settings for mypy's Django plugin, which needs them importable on a machine where nothing is configured."""

from __future__ import annotations

import os

os.environ.setdefault("STOA_ENV", "development")

from controlplane.settings import *
