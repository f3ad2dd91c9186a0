"""Django's settings. STOA_ENV chooses the module: `development`, `test`, or `production` when it says nothing.

Importing them reads the environment and opens no connection.
"""

from __future__ import annotations

from controlplane import env

match env.choice("STOA_ENV"):
    case "development":
        from controlplane.settings.development import *
    case "test":
        from controlplane.settings.test import *
    case _:
        from controlplane.settings.production import *
